//! What a child engine and its parent say to each other: frames of a magic number, a kind, a length and a payload.

use std::io::{self, Read, Write};

use timing::{ServiceTime, Span};

use crate::{Data, Tensor};

/// "DTE1" on the wire; another number is noise from somewhere else.
const MAGIC: u32 = u32::from_le_bytes(*b"DTE1");
/// No tensor set of ours comes near; a length beyond it is garbage.
const MAX_PAYLOAD: u64 = 1 << 30;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To the child: model and options, JSON.
    Load,
    /// To the parent: the engine's description, JSON.
    Ready,
    /// To the parent: why loading failed, JSON.
    Refused,
    /// To the child: number of the inference, tensors.
    Infer,
    /// To the parent: service time, tensors.
    Result,
    /// To the parent: why the inference failed, text.
    Failed,
}

impl Kind {
    const ALL: [Self; 6] = [Self::Load, Self::Ready, Self::Refused, Self::Infer, Self::Result, Self::Failed];
}

fn garbage(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

pub(crate) fn send(to: &mut impl Write, kind: Kind, payload: &[u8]) -> io::Result<()> {
    let mut frame = Vec::with_capacity(13 + payload.len());
    frame.extend_from_slice(&MAGIC.to_le_bytes());
    frame.push(Kind::ALL.iter().position(|k| *k == kind).unwrap_or_default() as u8);
    frame.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    frame.extend_from_slice(payload);
    to.write_all(&frame)?;
    to.flush()
}

pub(crate) fn receive(from: &mut impl Read) -> io::Result<(Kind, Vec<u8>)> {
    let mut head = [0; 13];
    from.read_exact(&mut head)?;
    let mut head = Reader(&head);
    let (magic, kind, len) = (head.u32()?, head.u8()?, head.u64()?);
    let kind = Kind::ALL.get(usize::from(kind)).copied();
    let (MAGIC, Some(kind), ..=MAX_PAYLOAD) = (magic, kind, len) else {
        return Err(garbage("a frame does not begin as one"));
    };
    let mut payload = Vec::new();
    // Grows as bytes come, so a false length costs no memory.
    from.take(len).read_to_end(&mut payload)?;
    if payload.len() as u64 == len { Ok((kind, payload)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

pub(crate) fn write_tensors(out: &mut Vec<u8>, tensors: &[Tensor]) {
    out.extend_from_slice(&(tensors.len() as u32).to_le_bytes());
    for tensor in tensors {
        out.extend_from_slice(&(tensor.name.len() as u32).to_le_bytes());
        out.extend_from_slice(tensor.name.as_bytes());
        out.extend_from_slice(&(tensor.shape.len() as u32).to_le_bytes());
        for axis in &tensor.shape {
            out.extend_from_slice(&(*axis as u64).to_le_bytes());
        }
        write_data(out, &tensor.data);
    }
}

fn write_data(out: &mut Vec<u8>, data: &Data) {
    let mut head = |tag: u8, len: usize| {
        out.push(tag);
        out.extend_from_slice(&(len as u64).to_le_bytes());
    };
    head(tag(data), data.len());
    match data {
        Data::F32(v) => v.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes())),
        Data::F64(v) => v.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes())),
        Data::I64(v) => v.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes())),
        Data::I32(v) => v.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes())),
        Data::U8(v) => out.extend_from_slice(v),
        Data::Bool(v) => out.extend(v.iter().map(|x| u8::from(*x))),
    }
}

fn tag(data: &Data) -> u8 {
    match data {
        Data::F32(_) => 0,
        Data::F64(_) => 1,
        Data::I64(_) => 2,
        Data::I32(_) => 3,
        Data::U8(_) => 4,
        Data::Bool(_) => 5,
    }
}

pub(crate) fn write_time(out: &mut Vec<u8>, time: &ServiceTime) {
    for span in [time.pre, time.host_to_device, time.compute, time.device_to_host, time.post] {
        out.extend_from_slice(&span.0.to_le_bytes());
    }
}

/// Takes numbers off the front of a payload.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(|| garbage("a frame is too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| garbage("a frame is too short"))
    }

    fn u8(&mut self) -> io::Result<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> io::Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn time(&mut self) -> io::Result<ServiceTime> {
        let mut span = || self.array().map(i64::from_le_bytes).map(Span);
        let time = ServiceTime {
            pre: span()?,
            host_to_device: span()?,
            compute: span()?,
            device_to_host: span()?,
            post: span()?,
            ..ServiceTime::default()
        };
        let stages = [time.pre, time.host_to_device, time.compute, time.device_to_host, time.post];
        // A child may lie: no negative time, none beyond a day.
        if stages.iter().all(|stage| (0..86_400_000_000_000).contains(&stage.0)) {
            Ok(time)
        } else {
            Err(garbage("a stage has an impossible duration"))
        }
    }

    pub(crate) fn tensors(&mut self) -> io::Result<Vec<Tensor>> {
        let count = self.u32()?;
        (0..count).map(|_| self.tensor()).collect()
    }

    fn tensor(&mut self) -> io::Result<Tensor> {
        let len = self.u32()? as usize;
        let name = str::from_utf8(self.take(len)?).map_err(|_| garbage("a name is not UTF-8"))?.to_owned();
        let rank = self.u32()?;
        let shape: io::Result<Vec<_>> = (0..rank).map(|_| self.u64().map(|axis| axis as usize)).collect();
        let shape = shape?;
        let data = self.data()?;
        let elements = shape.iter().try_fold(1usize, |n, axis| n.checked_mul(*axis));
        if elements == Some(data.len()) {
            Ok(Tensor { name, shape, data })
        } else {
            Err(garbage("a tensor has not the elements its shape says"))
        }
    }

    fn data(&mut self) -> io::Result<Data> {
        let (tag, len) = (self.u8()?, self.u64()?);
        Ok(match tag {
            0 => Data::F32(self.numbers(len, f32::from_le_bytes)?),
            1 => Data::F64(self.numbers(len, f64::from_le_bytes)?),
            2 => Data::I64(self.numbers(len, i64::from_le_bytes)?),
            3 => Data::I32(self.numbers(len, i32::from_le_bytes)?),
            4 => Data::U8(self.numbers(len, u8::from_le_bytes)?),
            5 => Data::Bool(self.numbers(len, |[byte]| byte != 0)?),
            _ => return Err(garbage("a tensor has an unknown type")),
        })
    }

    fn numbers<T, const N: usize>(&mut self, len: u64, read: impl Fn([u8; N]) -> T) -> io::Result<Vec<T>> {
        let bytes = usize::try_from(len).ok().and_then(|len| len.checked_mul(N));
        let bytes = self.take(bytes.ok_or_else(|| garbage("a tensor is too long"))?)?;
        Ok(bytes.as_chunks().0.iter().map(|chunk| read(*chunk)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_of_every_type_come_back() {
        let data = [
            Data::F32(vec![1.5, f32::NAN]),
            Data::F64(vec![-0.0, 2.0]),
            Data::I64(vec![i64::MIN, 7]),
            Data::I32(vec![-3, 4]),
            Data::U8(vec![0, 255]),
            Data::Bool(vec![true, false]),
        ];
        let tensors = data.map(|data| Tensor { name: "é".to_owned(), shape: vec![2, 1], data });
        let mut bytes = Vec::new();
        write_tensors(&mut bytes, &tensors);
        let back = Reader(&bytes).tensors().unwrap();
        // NaN is not equal to itself, but its text is.
        assert_eq!(format!("{back:?}"), format!("{tensors:?}"));
        for cut in 0..bytes.len() {
            assert!(Reader(&bytes[..cut]).tensors().is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn garbage_is_not_a_frame() {
        for bytes in
            [&b"GET / HTTP/1.1\r\n\r\n"[..], b"DTE1\x09\0\0\0\0\0\0\0\0", b"DTE1\x01\xff\xff\xff\xff\xff\xff\xff\xff"]
        {
            assert_eq!(receive(&mut &bytes[..]).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
