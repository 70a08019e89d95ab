"""Serves models that tvm_compile.py wrote, over the Open Inference Protocol (gRPC), with the residence of each frame.

    python tvm_serve.py data/tvm [--port 8002]

Then, beside ONNX Runtime on the same machine:

    deadtime compare lesson --models pilot,pilot@grpc://127.0.0.1:8002
    deadtime run lesson --target grpc://127.0.0.1:8002

It listens on loopback alone, runs one inference at a time, and tells how long each was here by its own monotonic clock
(`deadtime_*_ns`), as `deadtime serve` does.
"""

import argparse
import concurrent.futures
import json
import pathlib
import sys
import time

import grpc
import numpy as np
import tvm
from tvm import relax

PROTO = pathlib.Path(__file__).resolve().parent.parent / "sim/target/proto/open_inference.proto"
sys.path.insert(0, str(PROTO.parent))
messages, services = grpc.protos_and_services(PROTO.name)


class Compiled:
    """A model and its virtual machine."""

    def __init__(self, about_file):
        self.about = json.loads(about_file.read_text())
        library = tvm.runtime.load_module(str(about_file.with_suffix(".so")))
        self.main = relax.VirtualMachine(library, tvm.cpu())["main"]

    def tensors(self, request):
        """The inputs in the model's order, as raw bytes or typed contents; a mistake is a ValueError that says what was found."""
        raw = list(request.raw_input_contents)
        given = {t.name: (t, raw[i] if raw else None) for i, t in enumerate(request.inputs)}
        for wanted in self.about["inputs"]:
            if wanted["name"] not in given:
                raise ValueError(f"found no input {wanted['name']}; expected {[i['name'] for i in self.about['inputs']]}")
            tensor, data = given[wanted["name"]]
            if tensor.datatype != wanted["datatype"] or list(tensor.shape) != wanted["shape"]:
                found = f"{tensor.datatype} {list(tensor.shape)}"
                raise ValueError(f"found {wanted['name']} as {found}; expected {wanted['datatype']} {wanted['shape']}")
            values = np.frombuffer(data, "<f4") if data is not None else np.array(tensor.contents.fp32_contents, "<f4")
            if values.size != np.prod(wanted["shape"]):
                raise ValueError(f"found {values.size} numbers of {wanted['name']}; expected {wanted['shape']}")
            yield tvm.runtime.tensor(values.reshape(wanted["shape"]))


class Server(services.GRPCInferenceServiceServicer):
    def __init__(self, models):
        self.models = models

    def find(self, name, context):
        if name not in self.models:
            known = ", ".join(self.models)
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no model `{name}` here; served: {known}")
        return self.models[name]

    def ServerLive(self, request, context):
        return messages.ServerLiveResponse(live=True)

    def ServerReady(self, request, context):
        return messages.ServerReadyResponse(ready=True)

    def ModelReady(self, request, context):
        return messages.ModelReadyResponse(ready=request.name in self.models)

    def ServerMetadata(self, request, context):
        return messages.ServerMetadataResponse(name="tvm_serve", version="1", extensions=["deadtime_residence"])

    def ModelMetadata(self, request, context):
        about = self.find(request.name, context).about
        specs = lambda all: [messages.ModelMetadataResponse.TensorMetadata(**spec) for spec in all]
        return messages.ModelMetadataResponse(
            name=about["name"],
            versions=["1"],
            platform=about["platform"],
            inputs=specs(about["inputs"]),
            outputs=specs(about["outputs"]),
            properties={"sha256": about["sha256"].encode()},
        )

    def ModelInfer(self, request, context):
        arrived = time.monotonic_ns()
        model = self.find(request.model_name, context)
        try:
            inputs = list(model.tensors(request))
        except ValueError as wrong:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(wrong))
        began = time.monotonic_ns()
        result = model.main(*inputs)
        arrays = [t.numpy() for t in ([result] if hasattr(result, "numpy") else result)]
        ended = time.monotonic_ns()
        answer = messages.ModelInferResponse(
            model_name=request.model_name,
            model_version="1",
            id=request.id,
            outputs=[
                messages.ModelInferResponse.InferOutputTensor(
                    name=spec["name"], datatype=spec["datatype"], shape=array.shape
                )
                for spec, array in zip(model.about["outputs"], arrays)
            ],
            raw_output_contents=[array.astype("<f4").tobytes() for array in arrays],
        )
        stages = {"pre": began - arrived, "compute": ended - began, "post": time.monotonic_ns() - ended}
        for name in ["queue", "pre", "host_to_device", "compute", "device_to_host", "post"]:
            answer.parameters[f"deadtime_{name}_ns"].int64_param = stages.get(name, 0)
        return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path, help="what tvm_compile.py wrote")
    parser.add_argument("--port", type=int, default=8002, help="on 127.0.0.1; 0 is any that is free")
    args = parser.parse_args()
    models = {file.stem: Compiled(file) for file in sorted(args.folder.glob("*.json"))}
    if not models:
        sys.exit(f"{args.folder} holds no compiled model; run tvm_compile.py MODEL.onnx --out {args.folder}")
    # One thread: one inference at a time, as on a robot.
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=1))
    services.add_GRPCInferenceServiceServicer_to_server(Server(models), server)
    port = server.add_insecure_port(f"127.0.0.1:{args.port}")
    server.start()
    print(f"serving {', '.join(models)} on grpc://127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
