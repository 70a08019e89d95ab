//! The protocol's HTTP side as far as health and metadata go, and the token that guards both sides.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tonic::Status;

use crate::server::{self, Device};
use crate::wire::model_metadata_response::TensorMetadata;

/// `grpc` and the HTTP routes behind one door.
pub(crate) fn router(device: Arc<Device>, grpc: Router, token: Option<String>) -> Router {
    let routes = Router::new()
        .route("/v2", get(about))
        .route("/v2/health/live", get(|| async { Json(json!({ "live": true })) }))
        .route("/v2/health/ready", get(|| async { Json(json!({ "ready": true })) }))
        .route("/v2/models/{name}", get(model))
        .route("/v2/models/{name}/ready", get(model_ready))
        .with_state(device);
    let all = grpc.merge(routes);
    match token {
        Some(token) => all.layer(from_fn_with_state(Arc::<str>::from(token), guard)),
        None => all,
    }
}

async fn guard(State(token): State<Arc<str>>, request: Request, next: Next) -> Response {
    if shows(request.headers(), &token) {
        return next.run(request).await;
    }
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/grpc") {
        return Status::unauthenticated("a token is needed: --token, or DEADTIME_TOKEN").into_http();
    }
    (StatusCode::UNAUTHORIZED, Json(json!({ "error": "a token is needed: authorization: Bearer TOKEN" })))
        .into_response()
}

/// Compares all bytes, so that the time it takes says nothing of where they differ.
fn shows(headers: &HeaderMap, token: &str) -> bool {
    let shown = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let shown = shown.and_then(|value| value.strip_prefix(b"Bearer ")).unwrap_or_default();
    let differs = shown.iter().zip(token.as_bytes()).fold(0, |differs, (a, b)| differs | (a ^ b));
    shown.len() == token.len() && differs == 0
}

async fn about() -> Json<Value> {
    let about = server::about();
    Json(json!({ "name": about.name, "version": about.version, "extensions": about.extensions }))
}

async fn model(State(device): State<Arc<Device>>, Path(name): Path<String>) -> Response {
    let tensors = |all: &[TensorMetadata]| -> Vec<Value> {
        all.iter().map(|t| json!({ "name": t.name, "datatype": t.datatype, "shape": t.shape })).collect()
    };
    match device.about_model(&name) {
        Ok(about) => Json(json!({
            "name": about.name,
            "versions": about.versions,
            "platform": about.platform,
            "inputs": tensors(&about.inputs),
            "outputs": tensors(&about.outputs),
        }))
        .into_response(),
        Err(status) => (StatusCode::NOT_FOUND, Json(json!({ "error": status.message() }))).into_response(),
    }
}

async fn model_ready(State(device): State<Arc<Device>>, Path(name): Path<String>) -> Response {
    let ready = device.about_model(&name).is_ok();
    let code = if ready { StatusCode::OK } else { StatusCode::NOT_FOUND };
    (code, Json(json!({ "name": name, "ready": ready }))).into_response()
}
