"""An ONNX file in KServe, by onnxruntime: another server of the Open Inference Protocol that deadtime's authors did not write.

    python kserve_model.py --model FILE.onnx --grpc_port 8081 --http_port 8080

KServe listens on every address of the machine, so the test starts it in a network namespace of its own.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is loaded

import argparse
from pathlib import Path

import kserve
import onnxruntime

TYPES = {"tensor(float)": "FP32"}


class OnnxModel(kserve.Model):
    """Runs the file on the processor, with one thread. Its name is the file's."""

    def __init__(self, path: Path):
        super().__init__(path.stem)
        self.path = path

    def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        self.ready = True
        return self.ready

    @staticmethod
    def declared(tensors):
        axes = lambda tensor: [axis if isinstance(axis, int) else -1 for axis in tensor.shape]
        return [{"name": t.name, "datatype": TYPES[t.type], "shape": axes(t)} for t in tensors]

    def get_input_types(self):
        return self.declared(self.session.get_inputs())

    def get_output_types(self):
        return self.declared(self.session.get_outputs())

    def predict(self, payload, headers=None, response_headers=None):
        feeds = {tensor.name: tensor.as_numpy() for tensor in payload.inputs}
        names = [output.name for output in self.session.get_outputs()]
        outputs = []
        for name, value in zip(names, self.session.run(names, feeds)):
            output = kserve.InferOutput(name=name, shape=list(value.shape), datatype="FP32")
            output.set_data_from_numpy(value, binary_data=True)
            outputs.append(output)
        return kserve.InferResponse(response_id=payload.id, model_name=self.name, infer_outputs=outputs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[kserve.model_server.parser], add_help=False)
    parser.add_argument("--model", type=Path, required=True)
    args = parser.parse_args()
    model = OnnxModel(args.model)
    model.load()
    kserve.ModelServer(http_port=args.http_port, grpc_port=args.grpc_port, workers=1).start([model])
