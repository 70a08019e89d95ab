//! The child's side of an isolated engine.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, bounded};
use rustix::process::{Resource, Rlimit, setrlimit};
use timing::Span;

use crate::child::{DONE, Load, Refused, STARTED};
use crate::onnxruntime::span;
use crate::protocol::{self, Kind, Reader};
use crate::{Engine, Isolation, Options, RuntimeError, load};

/// What `program __engine` must do: serve one model to the parent process until it closes the connection.
///
/// Standard input is a socket to the parent, standard output a file that both have open; neither is for people.
pub fn engine_main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("__engine is for deadtime's own use: {e}");
            ExitCode::from(2)
        }
    }
}

fn serve() -> io::Result<()> {
    let mut link = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let shared = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let frames = read_frames(link.try_clone()?)?;
    let (Kind::Load, payload) = next(&frames)? else { return Err(io::Error::other("no model was named")) };
    let load: Load = serde_json::from_slice(&payload)?;
    // Nothing is cached on the processor; what a library prints is all that is written.
    limit(load.memory, 64 << 20);
    let mut engine = match start(&load) {
        Ok(engine) => engine,
        Err(e) => return protocol::send(&mut link, Kind::Refused, &serde_json::to_vec(&Refused::from(e))?),
    };
    protocol::send(&mut link, Kind::Ready, &serde_json::to_vec(engine.info())?)?;
    loop {
        let (Kind::Infer, payload) = next(&frames)? else { return Err(io::Error::other("unexpected frame")) };
        let (kind, answer) = infer(&mut *engine, &shared, &payload)?;
        protocol::send(&mut link, kind, &answer)?;
    }
}

/// Reads on a thread of its own, so that the end of the parent ends this process even amid an endless inference.
fn read_frames(mut link: UnixStream) -> io::Result<Receiver<(Kind, Vec<u8>)>> {
    let (sender, frames) = bounded(1);
    thread::Builder::new().name("parent".to_owned()).spawn(move || {
        let mut first = true;
        loop {
            match protocol::receive(&mut link) {
                Ok(frame) => {
                    first = false;
                    if sender.send(frame).is_err() {
                        return;
                    }
                }
                // Not a parent at all: the main thread says so.
                Err(_) if first => return,
                Err(_) => std::process::exit(0),
            }
        }
    })?;
    Ok(frames)
}

fn next(frames: &Receiver<(Kind, Vec<u8>)>) -> io::Result<(Kind, Vec<u8>)> {
    frames.recv().map_err(|_| io::Error::other("standard input is not a connection to deadtime"))
}

/// Limits are set before a byte of the model is read: of the address space and of files that are written. A limit the system
/// refuses is one that is already lower.
pub(crate) fn limit(memory: Option<u64>, files: u64) {
    let set = |resource, most: u64| {
        let _ = setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    };
    set(Resource::Core, 0);
    if let Some(memory) = memory {
        set(Resource::As, memory);
        set(Resource::Fsize, files);
    }
}

fn start(load_request: &Load) -> Result<Box<dyn Engine>, RuntimeError> {
    let options = Options { isolate: Isolation::Never, offline: true, ..load_request.options.clone() };
    load(&load_request.model, &options)
}

/// One inference, stamped here: the time in sockets is the harness's.
fn infer(engine: &mut dyn Engine, shared: &File, payload: &[u8]) -> io::Result<(Kind, Vec<u8>)> {
    let mut reader = Reader(payload);
    let (job, inputs) = (reader.u64()?, reader.tensors()?);
    let mut outputs = Vec::new();
    let start = Instant::now();
    // The start is shown after its stamp, the end before it: the parent never thinks of more time than has passed.
    shared.write_all_at(&job.to_le_bytes(), STARTED)?;
    let result = engine.infer(&inputs, &mut outputs);
    shared.write_all_at(&job.to_le_bytes(), DONE)?;
    let took = span(start, Instant::now());
    Ok(match result {
        Ok(mut time) => {
            // The two writes, a microsecond each, so that the stages add up to stop less start.
            time.post += Span((took - time.total()).0.max(0));
            let mut answer = Vec::new();
            protocol::write_time(&mut answer, &time);
            protocol::write_tensors(&mut answer, &outputs);
            (Kind::Result, answer)
        }
        Err(e) => (Kind::Failed, e.to_string().into_bytes()),
    })
}
