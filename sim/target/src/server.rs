//! `serve`: models for others to run, over the Open Inference Protocol.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use runtime::{Engine, EngineInfo, Tensor, Witness};
use timing::{ServiceTime, Span};
use tokio::sync::{Semaphore, oneshot};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::residence::Residence;
use crate::wire::grpc_inference_service_server::{GrpcInferenceService, GrpcInferenceServiceServer};
use crate::wire::{
    ModelInferRequest, ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest,
    ModelReadyResponse, ServerLiveRequest, ServerLiveResponse, ServerMetadataRequest, ServerMetadataResponse,
    ServerReadyRequest, ServerReadyResponse,
};
use crate::{MAX_MESSAGE, TargetError, rest, span, tensors};

/// How often a server looks whether its machine was slowed down: reading that is work too.
const LOOK: Duration = Duration::from_secs(2);

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where to listen. Anything but a loopback address needs a token.
    pub bind: SocketAddr,
    /// What a client must show as `authorization: Bearer TOKEN`.
    pub token: Option<String>,
    /// Inferences at once, over all models, each on an engine of its own. One is what a robot has; of more the clients are told how
    /// many ran beside theirs.
    pub parallel: usize,
}

impl ServeOptions {
    /// Refuses an address that others can reach, without a token. [`serve`] does so too; asked before, no model is loaded in vain.
    pub fn check(&self) -> Result<(), TargetError> {
        if !self.bind.ip().is_loopback() && self.token.is_none() {
            return Err(TargetError::Open(self.bind));
        }
        Ok(())
    }
}

/// A model to be served: as many engines as run at once.
pub struct Served {
    /// What clients call it.
    pub name: String,
    /// What the engines are.
    pub info: EngineInfo,
    /// Those that are free.
    idle: Mutex<Vec<Box<dyn Engine>>>,
}

impl Served {
    /// A model under a name. `engines` must not be empty; all run the same model.
    pub fn new(name: impl Into<String>, engines: Vec<Box<dyn Engine>>) -> Option<Self> {
        let info = engines.first()?.info().clone();
        Some(Self { name: name.into(), info, idle: Mutex::new(engines) })
    }

    fn take(&self) -> Option<Box<dyn Engine>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give(&self, engine: Box<dyn Engine>) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(engine);
    }
}

/// What all connections share.
pub(crate) struct Device {
    models: BTreeMap<String, Arc<Served>>,
    places: Arc<Semaphore>,
    /// Inferences that run now.
    running: Arc<AtomicU32>,
    /// Why this machine was slower at the last look.
    slowed: Mutex<Option<String>>,
}

/// Serves until `stop` says so; it is asked ten times a second. `ready` is told the address, whose port the system chose where
/// 0 was asked for.
///
/// Every connection is answered by one port: gRPC, and HTTP for health and metadata. What was begun is finished before it
/// returns, for a second at most.
pub fn serve(
    options: &ServeOptions,
    models: Vec<Served>,
    ready: impl FnOnce(SocketAddr),
    stop: impl Fn() -> bool,
) -> Result<(), TargetError> {
    options.check()?;
    let models = models.into_iter().map(|served| (served.name.clone(), Arc::new(served))).collect();
    let places = Arc::new(Semaphore::new(options.parallel.max(1)));
    let device = Arc::new(Device { models, places, running: Arc::default(), slowed: Mutex::default() });
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(options.parallel.max(1))
        .thread_name("serve")
        .enable_all()
        .build()
        .map_err(|error| TargetError::Serve(error.to_string()))?;
    let result = threads.block_on(async {
        let incoming = TcpIncoming::bind(options.bind)
            .map_err(|error| TargetError::Bind { address: options.bind, reason: error.to_string() })?
            .with_nodelay(Some(true));
        ready(incoming.local_addr().unwrap_or(options.bind));
        let grpc = GrpcInferenceServiceServer::from_arc(device.clone())
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        let router =
            rest::router(device.clone(), tonic::service::Routes::new(grpc).into_axum_router(), options.token.clone());
        let (tell, told) = oneshot::channel::<()>();
        let server = Server::builder()
            .accept_http1(true)
            .concurrency_limit_per_connection(64)
            .add_routes(router.into())
            .serve_with_incoming_shutdown(incoming, async { told.await.unwrap_or_default() });
        let serving = tokio::spawn(server);
        let (mut witness, mut looked) = (Witness::begin(&[]), Instant::now());
        while !stop() && !serving.is_finished() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if looked.elapsed() > LOOK {
                let slowed = witness.slowed().into_iter().next();
                *device.slowed.lock().unwrap_or_else(PoisonError::into_inner) = slowed;
                looked = Instant::now();
            }
        }
        let _ = tell.send(());
        // A client that sleeps does not take its leave.
        match tokio::time::timeout(Duration::from_secs(1), serving).await {
            Ok(Ok(Err(error))) => Err(TargetError::Serve(error.to_string())),
            _ => Ok(()),
        }
    });
    threads.shutdown_timeout(Duration::from_secs(1));
    result
}

/// What this server is.
pub(crate) fn about() -> ServerMetadataResponse {
    ServerMetadataResponse {
        name: "deadtime".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        extensions: vec!["deadtime_residence".to_owned()],
    }
}

impl Device {
    fn find(&self, name: &str) -> Result<&Arc<Served>, Status> {
        self.models.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.models.keys().map(String::as_str).collect();
            Status::not_found(format!("there is no model `{name}` here; served: {}", known.join(", ")))
        })
    }

    pub(crate) fn about_model(&self, name: &str) -> Result<ModelMetadataResponse, Status> {
        let served = self.find(name)?;
        let EngineInfo { obtained, version, model, .. } = &served.info;
        let version = version.split(" (").next().unwrap_or_default();
        Ok(ModelMetadataResponse {
            name: served.name.clone(),
            versions: vec!["1".to_owned()],
            platform: if obtained.on_gpu() { format!("{version} with {obtained}") } else { version.to_owned() },
            inputs: tensors::metadata(&model.inputs),
            outputs: tensors::metadata(&model.outputs),
            properties: [("sha256".to_owned(), model.sha256.clone().into_bytes())].into(),
        })
    }

    /// Runs one inference when its turn comes. It goes on when the client has gone: it cannot be interrupted, and the device is
    /// busy until it ends.
    async fn infer(&self, request: ModelInferRequest, arrived: Instant) -> Result<ModelInferResponse, Status> {
        let served = self.find(&request.model_name)?.clone();
        let (id, wanted) = (request.id.clone(), request.outputs.clone());
        let inputs = tensors::inputs(request).map_err(Status::invalid_argument)?;
        served.info.model.order(&inputs).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let ready = Instant::now();
        let place = self.places.clone().acquire_owned().await.map_err(|_| Status::unavailable("stopping"))?;
        let run = {
            let (served, running) = (served.clone(), self.running.clone());
            move || {
                let began = Instant::now();
                let mut engine = served.take().ok_or_else(|| Status::internal("the engine of this model is gone"))?;
                let mut outputs: Vec<Tensor> = Vec::new();
                // Those who were there before it, or came meanwhile and are there still.
                let before = running.fetch_add(1, Ordering::SeqCst);
                let result = engine.infer(&inputs, &mut outputs);
                let others = before.max(running.fetch_sub(1, Ordering::SeqCst) - 1);
                let ended = Instant::now();
                served.give(engine);
                drop(place);
                let time = result.map_err(|error| Status::internal(error.to_string()))?;
                Ok::<_, Status>((time, outputs, others, began, ended))
            }
        };
        let ran = tokio::task::spawn_blocking(run).await;
        let (time, mut outputs, others, began, ended) = ran.map_err(|_| Status::internal("the engine panicked"))??;
        if !wanted.is_empty() {
            outputs.retain(|tensor| wanted.iter().any(|output| output.name == tensor.name));
        }
        let slowed = self.slowed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (outputs, raw_output_contents) = tensors::answer(&served.info.model, &outputs);
        // The stages are contiguous: what no part claims is queueing before the engine's, and `post` after it.
        let around = span(began, ended) - time.total();
        let service = ServiceTime {
            pre: time.pre + span(arrived, ready),
            post: time.post + around.max(Span::ZERO) + span(ended, Instant::now()),
            ..time
        };
        Ok(ModelInferResponse {
            model_name: served.name.clone(),
            model_version: "1".to_owned(),
            id,
            parameters: Residence { queue: span(ready, began), others, service }.to_parameters(slowed),
            outputs,
            raw_output_contents,
        })
    }
}

#[tonic::async_trait]
impl GrpcInferenceService for Device {
    async fn server_live(&self, _: Request<ServerLiveRequest>) -> Result<Response<ServerLiveResponse>, Status> {
        Ok(Response::new(ServerLiveResponse { live: true }))
    }

    async fn server_ready(&self, _: Request<ServerReadyRequest>) -> Result<Response<ServerReadyResponse>, Status> {
        Ok(Response::new(ServerReadyResponse { ready: true }))
    }

    async fn model_ready(&self, request: Request<ModelReadyRequest>) -> Result<Response<ModelReadyResponse>, Status> {
        let ready = self.models.contains_key(&request.get_ref().name);
        Ok(Response::new(ModelReadyResponse { ready }))
    }

    async fn server_metadata(
        &self,
        _: Request<ServerMetadataRequest>,
    ) -> Result<Response<ServerMetadataResponse>, Status> {
        Ok(Response::new(about()))
    }

    async fn model_metadata(
        &self,
        request: Request<ModelMetadataRequest>,
    ) -> Result<Response<ModelMetadataResponse>, Status> {
        self.about_model(&request.get_ref().name).map(Response::new)
    }

    async fn model_infer(&self, request: Request<ModelInferRequest>) -> Result<Response<ModelInferResponse>, Status> {
        let arrived = Instant::now();
        self.infer(request.into_inner(), arrived).await.map(Response::new)
    }
}
