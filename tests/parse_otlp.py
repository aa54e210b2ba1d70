"""Has Google's protobuf read tests/golden/otlp.json by the JSON mapping into the published messages, and compares numbers."""

import json
import pathlib

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

text = (pathlib.Path(__file__).parent / "golden/otlp.json").read_text()
# An unknown field, a wrong type or an integer out of range is an error.
request = json_format.Parse(text, ExportMetricsServiceRequest())
assert ExportMetricsServiceRequest.FromString(request.SerializeToString()) == request
metrics = {metric.name: metric for metric in request.resource_metrics[0].scope_metrics[0].metrics}
assert len(metrics) == 10, sorted(metrics)

requests = metrics["requests"].sum
assert requests.is_monotonic and requests.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
assert [point.as_int or point.as_double for point in requests.data_points] == [0, 0, 2.0**64, 2.0**64, 5, 5, 0, 0]
labels = {pair.key: pair.value.string_value for pair in requests.data_points[3].attributes}
assert labels == {"cluster": 'eu "1"', "engine": "1", "model_name": "back\\slash", "x": "a", "y": "d\n"}, labels
assert [point.as_double for point in metrics["odd"].gauge.data_points] == [float("-inf")] * 2
assert [point.as_int for point in metrics["level"].gauge.data_points] == [-3, -3]
for name in ["tokens", "change", "ttft_seconds"]:
    histogram = metrics[name].histogram
    assert histogram.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
    for point in histogram.data_points:
        assert point.count == sum(point.bucket_counts) and len(point.bucket_counts) == len(point.explicit_bounds) + 1
        assert point.time_unix_nano == 1_700_000_000_000_000_001 and point.HasField("sum") == (name != "change")
print(f"{len(metrics)} metrics, {len(json.dumps(json.loads(text)))} bytes")
