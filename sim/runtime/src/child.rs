//! An engine in a child process: a model from elsewhere can take that process down, not this one.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering, fence};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use timing::{ServiceTime, Span};

use crate::onnxruntime::span;
use crate::protocol::{self, Kind, Reader};
use crate::{
    Engine, EngineInfo, ModelInfo, Options, Requested, Rung, Running, RuntimeError, Tensor, Watch, driver, shared,
};

/// How often a child that died or hung is replaced.
const MAX_RESTARTS: u32 = 3;
/// Bytes 0..8 of the shared file: the inference that has started; 8..16: the one that is done.
pub(crate) const STARTED: u64 = 0;
pub(crate) const DONE: u64 = 8;
/// The child's standard output is the shared file; what a library prints goes behind the numbers.
const PRINTED: u64 = 4096;

/// The first thing a child is told.
#[derive(Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) model: PathBuf,
    pub(crate) options: Options,
    /// Address space in bytes; `None` where a GPU may be used.
    pub(crate) memory: Option<u64>,
}

/// Why a child could not load: [`RuntimeError`] as far as the difference matters.
#[derive(Serialize, Deserialize)]
pub(crate) enum Refused {
    Missing { rung: Rung, reason: String, help: String },
    NoEngine { refused: Vec<(Rung, String)> },
    Other(String),
}

impl From<RuntimeError> for Refused {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Missing { rung, reason, help } => Self::Missing { rung, reason, help },
            RuntimeError::NoEngine { refused } => Self::NoEngine { refused },
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<Refused> for RuntimeError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Missing { rung, reason, help } => Self::Missing { rung, reason, help },
            Refused::NoEngine { refused } => Self::NoEngine { refused },
            Refused::Other(text) => Self::Isolated(text),
        }
    }
}

/// The parent's side.
pub(crate) struct ChildEngine {
    info: EngineInfo,
    options: Options,
    process: Option<Process>,
    restarts: u32,
    /// Inferences asked for so far; the number of the last one.
    jobs: u64,
    watch: Arc<ChildWatch>,
}

impl ChildEngine {
    pub(crate) fn start(model: ModelInfo, options: Options) -> Result<Self, RuntimeError> {
        let file = shared::unnamed_file().map_err(|e| child(format!("got no shared file: {e}")))?;
        let watch =
            Arc::new(ChildWatch { file, base: Instant::now(), job: AtomicU64::new(0), seen: AtomicI64::new(-1) });
        let (process, info) = Process::start(&model, &options, &watch.file)?;
        Ok(Self { info, options, process: Some(process), restarts: 0, jobs: 0, watch })
    }

    /// Puts the parent's reason in the place of the child's, which has searched less.
    pub(crate) fn explain(&mut self, rung: Rung, reason: String) {
        if let Some(entry) = self.info.refused.iter_mut().find(|(refused, _)| *refused == rung) {
            entry.1 = reason;
        }
    }

    /// Notes that better rungs were tried before this one.
    pub(crate) fn instead_of(mut self, refused: Vec<(Rung, String)>) -> Self {
        self.info.requested = Requested::Auto;
        self.info.refused = refused;
        self
    }

    /// The living child, or a new one in the place of one that was lost.
    fn process(&mut self) -> Result<&mut Process, RuntimeError> {
        if self.process.is_none() {
            if self.restarts == MAX_RESTARTS {
                return Err(child(format!("was lost {} times and is not started again", MAX_RESTARTS + 1)));
            }
            self.restarts += 1;
            let (process, _) = Process::start(&self.info.model, &self.options, &self.watch.file)?;
            self.process = Some(process);
        }
        self.process.as_mut().ok_or_else(|| child("is gone".to_owned()))
    }

    fn ask(&mut self, inputs: &[Tensor]) -> Result<(Kind, Vec<u8>), RuntimeError> {
        let limit = self.options.infer_timeout;
        self.jobs += 1;
        let job = self.jobs;
        let mut payload = job.to_le_bytes().to_vec();
        protocol::write_tensors(&mut payload, inputs);
        self.watch.begin(job);
        let process = self.process()?;
        process.ask(Kind::Infer, &payload, limit).map_err(|e| process.blame(&e, "answer", limit))
    }
}

impl Engine for ChildEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn infer(&mut self, inputs: &[Tensor], outputs: &mut Vec<Tensor>) -> Result<ServiceTime, RuntimeError> {
        self.info.model.order(inputs)?;
        let answer = self.ask(inputs).and_then(|(kind, payload)| match kind {
            Kind::Result => parse_result(&payload).map_err(|e| child(format!("answered nonsense: {e}"))),
            Kind::Failed => Ok(Err(String::from_utf8_lossy(&payload).into_owned())),
            other => Err(child(format!("answered {other:?} to an inference"))),
        });
        match answer {
            Ok(Ok((time, tensors))) => {
                *outputs = tensors;
                Ok(time)
            }
            Ok(Err(reason)) => Err(RuntimeError::Isolated(reason)),
            Err(error) => {
                // Whatever it was, this child is not trusted with another frame.
                self.process = None;
                Err(error)
            }
        }
    }

    fn watch(&self) -> Option<Arc<dyn Watch>> {
        Some(self.watch.clone())
    }
}

fn child(what: String) -> RuntimeError {
    RuntimeError::Child { what }
}

type Answer = Result<(ServiceTime, Vec<Tensor>), String>;

fn parse_result(payload: &[u8]) -> io::Result<Answer> {
    let mut reader = Reader(payload);
    Ok(Ok((reader.time()?, reader.tensors()?)))
}

/// Reads how far the child is from the file they share.
///
/// The child writes `done` before it takes its stop stamp, so a file that does not show it yet means: still running at
/// the clock reading before. The start is counted from when it was first seen here, never earlier than it was.
struct ChildWatch {
    file: File,
    base: Instant,
    /// The inference that is asked for, 0 for none.
    job: AtomicU64,
    /// Nanoseconds from `base` to the first sight of the start; negative before.
    seen: AtomicI64,
}

impl ChildWatch {
    fn begin(&self, job: u64) {
        self.seen.store(-1, Ordering::SeqCst);
        self.job.store(job, Ordering::SeqCst);
    }

    fn number(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, at).map_or(0, |()| u64::from_le_bytes(bytes))
    }
}

impl Watch for ChildWatch {
    fn reset(&self) {
        self.begin(0);
    }

    fn running(&self) -> Running {
        let now = span(self.base, Instant::now());
        fence(Ordering::SeqCst);
        let job = self.job.load(Ordering::SeqCst);
        if job == 0 {
            return Running::Waiting;
        }
        if self.number(DONE) == job {
            return Running::Done;
        }
        if self.number(STARTED) != job {
            return Running::Waiting;
        }
        match self.seen.load(Ordering::SeqCst) {
            seen if seen < 0 => {
                self.seen.store(span(self.base, Instant::now()).0, Ordering::SeqCst);
                Running::For(Span::ZERO)
            }
            seen => Running::For(Span((now.0 - seen).max(0))),
        }
    }
}

/// A running child and the socket to it.
struct Process {
    child: Child,
    link: UnixStream,
}

impl Process {
    fn start(model: &ModelInfo, options: &Options, shared: &File) -> Result<(Self, EngineInfo), RuntimeError> {
        let mut process = Self::spawn(options, shared).map_err(|e| child(format!("could not be started: {e}")))?;
        let on_gpu = !matches!(options.requested, Requested::Exactly(Rung::Rten | Rung::OnnxRuntimeCpu));
        let load = Load {
            model: model.path.clone(),
            options: options.clone(),
            memory: (!on_gpu || driver::gpu().is_err()).then_some(options.child_memory),
        };
        let payload = serde_json::to_vec(&load).map_err(|e| child(e.to_string()))?;
        let limit = options.load_timeout;
        let answer = process.ask(Kind::Load, &payload, limit);
        let (kind, payload) = answer.map_err(|e| process.blame(&e, "load the model", limit))?;
        let nonsense = |e: serde_json::Error| child(format!("answered nonsense: {e}"));
        match kind {
            Kind::Ready => {
                let info: EngineInfo = serde_json::from_slice(&payload).map_err(nonsense)?;
                if info.model != *model {
                    return Err(child("read another model: the file has changed; start again".to_owned()));
                }
                Ok((process, EngineInfo { isolated: true, ..info }))
            }
            Kind::Refused => Err(serde_json::from_slice::<Refused>(&payload).map_err(nonsense)?.into()),
            other => Err(child(format!("answered {other:?} to a model"))),
        }
    }

    fn spawn(options: &Options, shared: &File) -> io::Result<Self> {
        let program = options.child_program.clone().map_or_else(std::env::current_exe, Ok)?;
        let (link, theirs) = UnixStream::pair()?;
        let mut out = shared.try_clone()?;
        // Both share one offset; the numbers are read and written at their places, without it.
        out.seek(SeekFrom::Start(PRINTED))?;
        let child = Command::new(program)
            .arg("__engine")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(out))
            // An interrupt from the keyboard is the parent's to handle; the child ends with its connection.
            .process_group(0)
            .spawn()?;
        Ok(Self { child, link })
    }

    fn ask(&mut self, kind: Kind, payload: &[u8], limit: Duration) -> io::Result<(Kind, Vec<u8>)> {
        let until = Instant::now() + limit;
        self.link.set_write_timeout(Some(limit.max(Duration::from_millis(1))))?;
        protocol::send(&mut self.link, kind, payload)?;
        protocol::receive(&mut Until { link: &self.link, until })
    }

    /// The error for a child that failed to answer: how it ended says more than how its socket did.
    fn blame(&mut self, error: &io::Error, what: &str, limit: Duration) -> RuntimeError {
        if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
            return RuntimeError::TimedOut { what: what.to_owned(), limit };
        }
        if error.kind() == io::ErrorKind::InvalidData {
            return child(format!("answered nonsense: {error}"));
        }
        // Its socket closes a moment before it can be waited for.
        for _ in 0..50 {
            if let Ok(Some(status)) = self.child.try_wait() {
                return child(format!("ended ({status}) when it should {what}"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        child(format!("closed its connection when it should {what}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until an instant: a child that sends a byte now and then does not prolong its time.
struct Until<'a> {
    link: &'a UnixStream,
    until: Instant,
}

impl Read for Until<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.link.set_read_timeout(Some(left))?;
        self.link.read(bytes)
    }
}
