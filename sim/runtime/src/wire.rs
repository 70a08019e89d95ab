//! Reads Protocol Buffers fields from a slice, without copying and without trusting any length.

/// One field's value; its meaning depends on the message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed,
    Bytes(Message<'a>),
}

/// A length-delimited stretch of the file: a message, a string or packed numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    bytes: &'a [u8],
    /// Where `bytes` begins in the file, for error texts.
    start: usize,
}

impl<'a> Message<'a> {
    pub(crate) fn whole(bytes: &'a [u8]) -> Self {
        Self { bytes, start: 0 }
    }

    pub(crate) fn len(self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The text, or what stands instead of it.
    pub(crate) fn text(self) -> Result<&'a str, String> {
        str::from_utf8(self.bytes).map_err(|_| format!("a name at byte {} is not UTF-8", self.start))
    }

    /// The numbers of a packed field.
    pub(crate) fn packed(self) -> Result<Vec<u64>, String> {
        let mut fields = self.fields();
        let mut numbers = Vec::new();
        while fields.pos < self.bytes.len() {
            numbers.push(fields.varint()?);
        }
        Ok(numbers)
    }

    pub(crate) fn fields(self) -> Fields<'a> {
        Fields { message: self, pos: 0 }
    }
}

/// Walks the fields of a message.
pub(crate) struct Fields<'a> {
    message: Message<'a>,
    pos: usize,
}

impl<'a> Fields<'a> {
    /// The next field's number and value; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, String> {
        if self.pos == self.message.bytes.len() {
            return Ok(None);
        }
        let at = self.message.start + self.pos;
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(len)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            wire => return Err(format!("unknown wire type {wire} at byte {at}")),
        };
        if key >> 3 == 0 {
            return Err(format!("field number 0 at byte {at}"));
        }
        Ok(Some((key >> 3, value)))
    }

    fn take(&mut self, len: u64) -> Result<Message<'a>, String> {
        let left = self.message.bytes.len() - self.pos;
        let start = self.message.start + self.pos;
        if len > left as u64 {
            return Err(format!("a field at byte {start} says it has {len} bytes, {left} are left"));
        }
        let bytes = &self.message.bytes[self.pos..self.pos + len as usize];
        self.pos += len as usize;
        Ok(Message { bytes, start })
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let Some(byte) = self.message.bytes.get(self.pos) else {
                return Err(format!("the file ends inside a number at byte {}", self.message.start + self.pos));
            };
            self.pos += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(format!("a number longer than ten bytes ends at byte {}", self.message.start + self.pos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_beyond_the_end_is_an_error_and_not_a_slice() {
        let bytes = [0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let error = Message::whole(&bytes).fields().next().unwrap_err();
        assert!(error.contains("says it has 18446744073709551615 bytes, 0 are left"), "{error}");
    }

    #[test]
    fn an_endless_number_is_an_error() {
        assert!(Message::whole(&[0x80; 20]).fields().next().is_err());
    }
}
