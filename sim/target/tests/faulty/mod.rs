//! A server that behaves until it does not.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::middleware::{Next, from_fn};
use axum::response::Response as HttpResponse;
use runtime::{Data, Engine, Isolation, Options, Requested, Rung, Tensor};
use target::wire::grpc_inference_service_server::{GrpcInferenceService, GrpcInferenceServiceServer};
use target::wire::infer_parameter::ParameterChoice;
use target::wire::model_infer_response::InferOutputTensor;
use target::wire::model_metadata_response::TensorMetadata;
use target::wire::{
    InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse, ModelMetadataRequest,
    ModelMetadataResponse, ModelReadyRequest, ModelReadyResponse, ServerLiveRequest, ServerLiveResponse,
    ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest, ServerReadyResponse,
};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// What goes wrong, if it is time for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Everything is sent as typed contents: no fault at all.
    Typed,
    /// Never answers.
    Hang,
    /// Answers after so many milliseconds.
    Slow(u64),
    /// The server process ends.
    Die,
    Status(tonic::Code),
    OtherShape,
    OtherType,
    UnknownType,
    NoOutput,
    OtherName,
    NoData,
    ShortRaw,
    RawCount,
    NegativeShape,
    HugeShape,
    ByteOver,
    Nan,
    Infinite,
    Large,
    ResidenceTooLong,
    ResidenceNegative,
    ResidenceText,
    ResidenceStops,
    /// The server says that it is hot: nothing else is wrong.
    Slowed,
    /// A message that says it has 1 GiB and never comes.
    Gibibyte,
    /// Bytes that are no message.
    NoMessage,
    /// HTML with status 200.
    Html,
    NoModel,
    NoInputs,
    MetadataHangs,
    MetadataType,
    MetadataStatus(tonic::Code),
}

pub struct Faulty {
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    pub calls: Arc<AtomicU64>,
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

struct Service {
    fault: Fault,
    /// Inferences that are answered well.
    good: u64,
    /// Then so many badly.
    bad: u64,
    calls: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    engine: Mutex<Box<dyn Engine>>,
}

pub fn pilot() -> Box<dyn Engine> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/models/pilot.onnx");
    let requested = Requested::Exactly(Rung::Rten);
    let options = Options { requested, isolate: Isolation::Never, offline: true, ..Options::default() };
    runtime::load(&path, &options).unwrap()
}

/// Starts one; it answers `good` inferences as the pilot, then `bad` in its own way, then well again.
pub fn start(fault: Fault, good: u64, bad: u64) -> Faulty {
    let (calls, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let service = Service { fault, good, bad, calls: calls.clone(), stop: stop.clone(), engine: Mutex::new(pilot()) };
    let (tell, told) = mpsc::sync_channel(1);
    let (stopped, counted) = (stop.clone(), calls.clone());
    thread::spawn(move || {
        let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        threads.block_on(async {
            let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap().with_nodelay(Some(true));
            tell.send(incoming.local_addr().unwrap()).unwrap();
            let grpc = GrpcInferenceServiceServer::new(service).max_encoding_message_size(usize::MAX);
            let raw = move |request: HttpRequest, next: Next| {
                let counted = counted.clone();
                async move { raw(fault, good, &counted, request, next).await }
            };
            let router = tonic::service::Routes::new(grpc).into_axum_router().layer(from_fn(raw));
            let serving = tonic::transport::Server::builder().add_routes(router.into()).serve_with_incoming(incoming);
            let serving = tokio::spawn(serving);
            while !stopped.load(Ordering::SeqCst) && !serving.is_finished() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        threads.shutdown_background();
    });
    Faulty { address: told.recv().unwrap(), stop, calls }
}

/// Faults below the protocol.
async fn raw(fault: Fault, good: u64, calls: &AtomicU64, request: HttpRequest, next: Next) -> HttpResponse {
    let infers = request.uri().path().ends_with("/ModelInfer");
    if !infers || calls.load(Ordering::SeqCst) < good {
        return next.run(request).await;
    }
    let answer = |kind: &str, body: Body| HttpResponse::builder().header("content-type", kind).body(body).unwrap();
    let head = |len: u32| [&[0][..], &len.to_be_bytes()].concat();
    match fault {
        Fault::Gibibyte => answer("application/grpc", Body::from([head(1 << 30), vec![7; 4096]].concat())),
        Fault::NoMessage => answer("application/grpc", Body::from([head(64), vec![0xff; 64]].concat())),
        Fault::Html => answer("text/html", Body::from("<html>It works!</html>")),
        _ => next.run(request).await,
    }
}

fn metadata(specs: &[runtime::TensorSpec]) -> Vec<TensorMetadata> {
    let axis = |axis: &Option<usize>| axis.map_or(-1, |n| n as i64);
    let of = |spec: &runtime::TensorSpec| TensorMetadata {
        name: spec.name.clone(),
        datatype: "FP32".to_owned(),
        shape: spec.shape.iter().map(axis).collect(),
    };
    specs.iter().map(of).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
}

impl Service {
    /// What the pilot really says.
    fn answer(&self, request: &ModelInferRequest) -> (Vec<usize>, Vec<f32>) {
        let input = |(head, raw): (&target::wire::model_infer_request::InferInputTensor, &Vec<u8>)| {
            let shape: Vec<usize> = head.shape.iter().map(|axis| *axis as usize).collect();
            Tensor::f32(head.name.clone(), shape, floats(raw))
        };
        let inputs: Vec<Tensor> = request.inputs.iter().zip(&request.raw_input_contents).map(input).collect();
        let mut outputs = Vec::new();
        self.engine.lock().unwrap().infer(&inputs, &mut outputs).unwrap();
        let first = outputs.remove(0);
        match first.data {
            Data::F32(values) => (first.shape, values),
            other => panic!("{other:?}"),
        }
    }

    fn spoil(&self, response: &mut ModelInferResponse, values: &[f32]) {
        let output = &mut response.outputs[0];
        let raw = &mut response.raw_output_contents;
        let bytes = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let contents =
            |values: Vec<f32>| InferTensorContents { fp32_contents: values, ..InferTensorContents::default() };
        match self.fault {
            Fault::Typed => {
                raw.clear();
                output.contents = Some(contents(values.to_vec()));
            }
            Fault::OtherShape => output.shape = vec![1, 1, values.len() as i64],
            Fault::OtherType => output.datatype = "INT32".into(),
            Fault::UnknownType => output.datatype = "FP8".into(),
            Fault::NoOutput => {
                response.outputs.clear();
                raw.clear();
            }
            Fault::OtherName => output.name = "somewhere".into(),
            Fault::NoData => raw.clear(),
            Fault::ShortRaw => raw[0].truncate(7),
            Fault::RawCount => raw.push(vec![0; 4]),
            Fault::NegativeShape => output.shape[0] = -1,
            Fault::HugeShape => output.shape = vec![i64::MAX, i64::MAX],
            Fault::ByteOver => {
                raw.clear();
                output.datatype = "UINT8".into();
                output.contents =
                    Some(InferTensorContents { uint_contents: vec![256; 3], ..InferTensorContents::default() });
            }
            Fault::Nan => raw[0] = bytes(&vec![f32::NAN; values.len()]),
            Fault::Infinite => raw[0] = bytes(&vec![f32::INFINITY; values.len()]),
            Fault::Large => raw[0] = vec![0; 80 << 20],
            Fault::ResidenceTooLong => residence(response, ParameterChoice::Int64Param(3_600_000_000_000)),
            Fault::ResidenceNegative => residence(response, ParameterChoice::Int64Param(-5)),
            Fault::ResidenceText => residence(response, ParameterChoice::StringParam("soon".to_owned())),
            Fault::ResidenceStops => response.parameters.clear(),
            Fault::Slowed => {
                let why = "the processor was slowed down because of its heat".to_owned();
                let parameter = InferParameter { parameter_choice: Some(ParameterChoice::StringParam(why)) };
                response.parameters.insert("deadtime_slowed".to_owned(), parameter);
            }
            _ => {}
        }
    }
}

fn residence(response: &mut ModelInferResponse, compute: ParameterChoice) {
    for name in ["queue", "pre", "host_to_device", "compute", "device_to_host", "post"] {
        let choice = if name == "compute" { compute.clone() } else { ParameterChoice::Int64Param(1_000) };
        let parameter = InferParameter { parameter_choice: Some(choice) };
        response.parameters.insert(format!("deadtime_{name}_ns"), parameter);
    }
}

#[tonic::async_trait]
impl GrpcInferenceService for Service {
    async fn server_live(&self, _: Request<ServerLiveRequest>) -> Result<Response<ServerLiveResponse>, Status> {
        Ok(Response::new(ServerLiveResponse { live: true }))
    }

    async fn server_ready(&self, _: Request<ServerReadyRequest>) -> Result<Response<ServerReadyResponse>, Status> {
        Ok(Response::new(ServerReadyResponse { ready: true }))
    }

    async fn model_ready(&self, _: Request<ModelReadyRequest>) -> Result<Response<ModelReadyResponse>, Status> {
        Ok(Response::new(ModelReadyResponse { ready: true }))
    }

    async fn server_metadata(
        &self,
        _: Request<ServerMetadataRequest>,
    ) -> Result<Response<ServerMetadataResponse>, Status> {
        if self.fault == Fault::MetadataHangs {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(ServerMetadataResponse { name: "faulty".to_owned(), ..ServerMetadataResponse::default() }))
    }

    async fn model_metadata(
        &self,
        request: Request<ModelMetadataRequest>,
    ) -> Result<Response<ModelMetadataResponse>, Status> {
        let name = request.into_inner().name;
        let info = self.engine.lock().unwrap().info().model.clone();
        let mut about = ModelMetadataResponse {
            name: name.clone(),
            inputs: metadata(&info.inputs),
            outputs: metadata(&info.outputs),
            ..ModelMetadataResponse::default()
        };
        match self.fault {
            Fault::NoModel => return Err(Status::not_found(format!("no model {name}"))),
            Fault::MetadataStatus(code) => return Err(Status::new(code, "not for you")),
            Fault::NoInputs => about.inputs.clear(),
            Fault::MetadataType => about.inputs[0].datatype = "BYTES".into(),
            _ => {}
        }
        Ok(Response::new(about))
    }

    async fn model_infer(&self, request: Request<ModelInferRequest>) -> Result<Response<ModelInferResponse>, Status> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let request = request.into_inner();
        let bad = (self.good..self.good.saturating_add(self.bad)).contains(&call);
        match self.fault {
            Fault::Hang if bad => std::future::pending::<()>().await,
            Fault::Slow(ms) if bad => tokio::time::sleep(Duration::from_millis(ms)).await,
            Fault::Die if bad => {
                self.stop.store(true, Ordering::SeqCst);
                std::future::pending::<()>().await;
            }
            Fault::Status(code) if bad => return Err(Status::new(code, "out of order")),
            _ => {}
        }
        let (shape, values) = self.answer(&request);
        let name = self.engine.lock().unwrap().info().model.outputs[0].name.clone();
        let output = InferOutputTensor {
            name,
            datatype: "FP32".to_owned(),
            shape: shape.iter().map(|axis| *axis as i64).collect(),
            ..InferOutputTensor::default()
        };
        let mut response = ModelInferResponse {
            model_name: request.model_name,
            outputs: vec![output],
            raw_output_contents: vec![values.iter().flat_map(|x| x.to_le_bytes()).collect()],
            ..ModelInferResponse::default()
        };
        residence(&mut response, ParameterChoice::Int64Param(2_000));
        if bad {
            self.spoil(&mut response, &values);
        }
        Ok(Response::new(response))
    }
}

/// What a peer does that knows nothing of HTTP.
#[derive(Clone, Copy, Debug)]
pub enum Wire {
    /// Listens, and says nothing.
    BlackHole,
    /// Closes at once.
    Close,
    /// Speaks noise.
    Noise,
    /// Speaks HTTP/1.
    Http1,
    /// A byte now and then.
    Trickle,
}

/// A listener that is no server; it lives as long as the test.
pub fn listen(wire: Wire) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || misbehave(wire, stream));
        }
    });
    address
}

fn misbehave(wire: Wire, mut stream: TcpStream) {
    let mut heard = [0; 256];
    match wire {
        Wire::Close => {}
        Wire::BlackHole => while stream.read(&mut heard).is_ok_and(|n| n > 0) {},
        Wire::Noise => {
            let _ = stream.write_all(&[0x9c; 4096]);
        }
        Wire::Http1 => {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
        Wire::Trickle => {
            while stream.write_all(&[0]).is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// What becomes of a connection that was good.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// Closed, and the next one too.
    Reset,
    /// Noise in the middle of a stream.
    Noise,
    /// Nothing goes through any more.
    Silence,
}

/// A wire to `to` that is cut when `calls` reaches `after`.
pub fn proxy(to: SocketAddr, cut: Cut, calls: Arc<AtomicU64>, after: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let far = TcpStream::connect(to).unwrap();
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let ways = [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)];
            for (i, (from, into)) in ways.into_iter().enumerate() {
                let calls = calls.clone();
                thread::spawn(move || carry(from, into, cut, &calls, after, i == 1));
            }
        }
    });
    address
}

fn carry(mut from: TcpStream, mut into: TcpStream, cut: Cut, calls: &AtomicU64, after: u64, back: bool) {
    let mut bytes = vec![0; 65_536];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        if calls.load(Ordering::SeqCst) >= after {
            match cut {
                Cut::Reset => break,
                Cut::Noise if back => {
                    let _ = into.write_all(&[0x55; 512]);
                    continue;
                }
                Cut::Noise => {}
                Cut::Silence => continue,
            }
        }
        if into.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = (into.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
}
