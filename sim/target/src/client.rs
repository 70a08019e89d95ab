//! An engine on a device elsewhere: any server of the Open Inference Protocol.

use std::future::Future;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use runtime::{Engine, EngineInfo, ModelInfo, Rung, Running, RuntimeError, Tensor, Watch, synthetic_inputs};
use timing::{ServiceTime, Span};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

use crate::residence::{Residence, slowed};
use crate::wire::grpc_inference_service_client::GrpcInferenceServiceClient;
use crate::wire::{ModelInferRequest, ModelMetadataRequest, ServerMetadataRequest};
use crate::{Address, MAX_MESSAGE, span, tensors};

/// After so many failures running, a target is not asked again.
const GIVE_UP: u32 = 3;
/// A wait for others on the device that is no longer the thread's own doing.
const BUSY: Span = Span(1_000_000);

/// How to reach a device.
#[derive(Clone, Debug)]
pub struct TargetOptions {
    /// Where it is.
    pub address: Address,
    /// Shown to it, where it asks for one.
    pub token: Option<String>,
    /// How long any call may take. An inference that takes longer has failed.
    pub timeout: Duration,
    /// Runs before the engine is handed over.
    pub warm_up: usize,
    /// Frames in each inference.
    pub batch: usize,
}

impl TargetOptions {
    /// A second for each call, five runs to warm up.
    pub fn new(address: Address) -> Self {
        Self { address, token: None, timeout: Duration::from_secs(1), warm_up: 5, batch: 1 }
    }
}

type Client = GrpcInferenceServiceClient<InterceptedService<Channel, Bearer>>;

/// Shows the token with every call.
#[derive(Clone)]
struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// Connects, asks what the model is, and warms it up. Takes no longer than a few times the timeout.
pub fn connect(model: &str, options: &TargetOptions) -> Result<Box<dyn Engine>, RuntimeError> {
    let lost = |what: String| RuntimeError::Target { address: options.address.to_string(), what };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| lost(format!("cannot be asked: {error}")))?;
    let mut client = {
        let _within = runtime.enter();
        client(options).map_err(lost)?
    };
    let limit = options.timeout;
    let server = ask(&runtime, limit, client.server_metadata(ServerMetadataRequest {})).map_err(lost)?;
    let wanted = ModelMetadataRequest { name: model.to_owned(), version: String::new() };
    let about = ask(&runtime, limit, client.model_metadata(wanted))
        .map_err(|why| lost(format!("does not tell what `{model}` is: it {why}")))?;
    let specs = |all: &[_]| all.iter().map(tensors::spec).collect::<Result<Vec<_>, String>>();
    let declared = specs(&about.inputs).and_then(|inputs| Ok((inputs, specs(&about.outputs)?)));
    let (inputs, outputs) =
        declared.map_err(|why| lost(format!("declares `{model}` in a way that is not known: {why}")))?;
    if inputs.is_empty() {
        return Err(lost(format!("declares no input of `{model}`; a server must tell what a model is fed")));
    }
    let text = |name| about.properties.get(name).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default();
    let model_info = ModelInfo { path: model.into(), sha256: text("sha256").to_owned(), inputs, outputs, bytes: 0 };
    let info = EngineInfo { warm: options.warm_up > 0, ..EngineInfo::new(Rung::Remote, model_info) };
    let away = Arc::new(Away::default());
    let name = model.to_owned();
    let options = options.clone();
    let mut engine = Remote { info, name, options, runtime, client, running: 0, first: None, reports: true, away };
    engine.warm_up()?;
    engine.info.served_at = engine.options.address.here();
    let on = if about.platform.is_empty() { String::new() } else { format!(" on {}", about.platform) };
    engine.describe(&format!("{} {}{on}", server.name, server.version));
    Ok(Box::new(engine))
}

fn client(options: &TargetOptions) -> Result<Client, String> {
    let token = match &options.token {
        Some(token) => Some(format!("Bearer {token}").parse().map_err(|_| {
            "cannot be shown this token: it has characters \
             that no header may have"
                .to_owned()
        })?),
        None => None,
    };
    let endpoint = Endpoint::from_shared(options.address.uri()).map_err(|error| format!("has no address: {error}"))?;
    // Lazy: it connects with the first call, within that call's time, and again after a loss.
    let channel = endpoint.connect_timeout(options.timeout).tcp_nodelay(true).connect_lazy();
    Ok(GrpcInferenceServiceClient::with_interceptor(channel, Bearer(token))
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE))
}

/// One call, given up after `limit`; an error says what the target did.
fn ask<T>(
    runtime: &tokio::runtime::Runtime,
    limit: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, String> {
    // The timer must be made within the runtime.
    match runtime.block_on(async { tokio::time::timeout(limit, call).await }) {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(words(&status)),
        Err(_) => Err(format!("did not answer within {} ms", limit.as_millis())),
    }
}

fn words(status: &Status) -> String {
    let mut cause = String::new();
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        cause = format!(": {error}");
        source = error.source();
    }
    match status.code() {
        Code::Unavailable | Code::Unknown if !cause.is_empty() => {
            format!("cannot be reached{cause}; is `deadtime serve` (or another server) running there?")
        }
        Code::Unauthenticated => format!("wants a token: {}; give --token or DEADTIME_TOKEN", status.message()),
        code => format!("answered {code:?}: {}{cause}", status.message()),
    }
}

struct Remote {
    info: EngineInfo,
    name: String,
    options: TargetOptions,
    runtime: tokio::runtime::Runtime,
    client: Client,
    /// Failures since the last answer.
    running: u32,
    /// The first of them.
    first: Option<String>,
    /// Whether the server tells its residence: decided by the warm-up, since the pace of the simulation depends on it.
    reports: bool,
    away: Arc<Away>,
}

impl Remote {
    fn warm_up(&mut self) -> Result<(), RuntimeError> {
        let inputs = synthetic_inputs(&self.info.model, self.options.batch, 0);
        let mut outputs = Vec::new();
        for _ in 0..self.options.warm_up.max(1) {
            let request = tensors::request(&self.info.model, &self.name, &inputs);
            let (_, residence) = self.call(request, &mut outputs).map_err(|what| self.error(what))?;
            self.reports &= residence.is_some();
        }
        Ok(())
    }

    fn describe(&mut self, server: &str) {
        let server = server.split(" (").next().unwrap_or_default().trim();
        let residence = if self.reports {
            "residence reported, the link measured"
        } else {
            "residence not reported: the whole round trip counts as the device's"
        };
        self.info.version = format!("{}, {server}, {residence}", self.options.address);
    }

    fn error(&self, what: String) -> RuntimeError {
        RuntimeError::Target { address: self.options.address.to_string(), what }
    }

    /// One inference; the round trip ends when its tensors are there.
    fn call(
        &mut self,
        request: ModelInferRequest,
        outputs: &mut Vec<Tensor>,
    ) -> Result<(Span, Option<Residence>), String> {
        let start = Instant::now();
        let response = ask(&self.runtime, self.options.timeout, self.client.model_infer(request))?;
        let nonsense = |why: String| format!("answered nonsense: {why}");
        let residence = Residence::of(&response.parameters).map_err(nonsense)?;
        if let Some(why) = slowed(&response.parameters) {
            let _ = self.away.slowed.set(why);
        }
        *outputs = tensors::outputs(&self.info.model, response).map_err(nonsense)?;
        Ok((span(start, Instant::now()), residence))
    }

    fn time(&self, round_trip: Span, residence: Option<Residence>) -> Result<ServiceTime, String> {
        let Some(residence) = residence.filter(|_| self.reports) else {
            self.away.silent.fetch_add(u64::from(self.reports), Ordering::Relaxed);
            return Ok(ServiceTime::compute(round_trip));
        };
        self.away.calls.fetch_add(1, Ordering::Relaxed);
        self.away.busy.fetch_add(u64::from(residence.queue > BUSY), Ordering::Relaxed);
        self.away.shared.fetch_add(u64::from(residence.others > 0), Ordering::Relaxed);
        residence.within(round_trip).map_err(|why| format!("answered nonsense: it {why}"))
    }
}

impl Engine for Remote {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn infer(&mut self, inputs: &[Tensor], outputs: &mut Vec<Tensor>) -> Result<ServiceTime, RuntimeError> {
        self.info.model.order(inputs)?;
        if let (GIVE_UP.., Some(first)) = (self.running, &self.first) {
            let what = format!("was lost {GIVE_UP} times running and is not asked again; first it {first}");
            return Err(self.error(what));
        }
        self.away.begin();
        let request = tensors::request(&self.info.model, &self.name, inputs);
        let timed = self.call(request, outputs).and_then(|(round_trip, residence)| self.time(round_trip, residence));
        match timed {
            Ok(time) => {
                (self.running, self.first) = (0, None);
                Ok(time)
            }
            Err(what) => {
                self.running += 1;
                self.first.get_or_insert_with(|| what.clone());
                Err(self.error(what))
            }
        }
    }

    /// Where the residence is not told, the round trip is the service time, and the worker's own stamps bound it.
    fn watch(&self) -> Option<Arc<dyn Watch>> {
        self.reports.then(|| self.away.clone() as Arc<dyn Watch>)
    }
}

/// Since when an answer is awaited, and what was odd about earlier ones.
struct Away {
    base: Instant,
    /// Nanoseconds from `base`; negative while nothing was asked.
    since: AtomicI64,
    calls: AtomicU64,
    busy: AtomicU64,
    shared: AtomicU64,
    silent: AtomicU64,
    /// What the target told first of its being slowed down.
    slowed: OnceLock<String>,
}

impl Default for Away {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            base: Instant::now(),
            since: AtomicI64::new(-1),
            calls: zero(),
            busy: zero(),
            shared: zero(),
            silent: zero(),
            slowed: OnceLock::new(),
        }
    }
}

impl Away {
    fn begin(&self) {
        self.since.store(span(self.base, Instant::now()).0, Ordering::Release);
    }
}

impl Watch for Away {
    fn reset(&self) {
        self.since.store(-1, Ordering::Release);
    }

    fn running(&self) -> Running {
        match self.since.load(Ordering::Acquire) {
            since if since < 0 => Running::Waiting,
            since => Running::Away(Span((span(self.base, Instant::now()).0 - since).max(0))),
        }
    }

    fn complaints(&self) -> Vec<String> {
        let count = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let (calls, silent) = (count(&self.calls), count(&self.silent));
        let (busy, shared) = (count(&self.busy), count(&self.shared));
        let mut complaints = Vec::new();
        // One in a hundred, as for the cadence.
        if busy * 100 > calls {
            complaints
                .push(format!("{busy} of {calls} frames waited for others on the target; have it serve nobody else"));
        }
        if shared * 100 > calls {
            complaints.push(format!(
                "{shared} of {calls} frames ran beside those of others on the target; have it serve nobody else"
            ));
        }
        if silent > 0 {
            complaints.push(format!("the target stopped telling its residence, {silent} times"));
        }
        complaints.extend(self.slowed.get().map(|why| format!("on the target, {why}")));
        complaints
    }
}
