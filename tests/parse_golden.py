"""Has Python's prometheus_client read the golden pages: every line must become a sample, and every family its type."""

import pathlib
import sys

from prometheus_client.parser import text_string_to_metric_families

ODD_NAME = 'back\\slash "quotes" line\nfeed\ttab \u00e9 \U0001f980 {},='
VALUES = {
    "kinds.prom": [
        ("a_integer_total", {"engine": "0"}, "1.8446744073709552e+19"),
        ("b_seconds_total", {"engine": "0"}, "1234567.5"),
        ("d_ratio", {"engine": "0"}, "nan"),
        ("d_ratio", {"model_name": ODD_NAME}, "-inf"),
        ("c_level", {"engine": "0", "x": "y", "y": 'b\\"\n'}, "9.223372036854776e+18"),
        ("e_tokens_total_bucket", {"engine": "0", "le": "1e+06"}, "5.0"),
    ],
    "vllm_base.prom": [("vllm:iteration_tokens_total_sum", {"engine": "1"}, "1.0")],
}

pages = sorted((pathlib.Path(__file__).parent / "golden").glob("*.prom"))
assert pages, "no golden pages"
for path in pages:
    page = path.read_text()
    lines = [line for line in page.splitlines() if line and not line.startswith("#")]
    types = {line.split()[2]: line.split()[3] for line in page.splitlines() if line.startswith("# TYPE ")}
    families = list(text_string_to_metric_families(page))
    samples = [sample for family in families for sample in family.samples]
    assert len(samples) == len(lines), f"{path.name}: {len(samples)} samples of {len(lines)} lines"
    read = {family.name + ("_total" if family.type == "counter" else ""): family.type for family in families}
    assert read == types, f"{path.name}: {read} is not {types}"
    for family in families:
        assert family.documentation or family.name == "b_seconds", f"{path.name}: {family.name} has no help"
    for name, labels, value in VALUES.get(path.name, []):
        found = [s.value for s in samples if s.name == name and labels.items() <= s.labels.items()]
        assert found and str(float(found[0])) == value, f"{path.name}: {name}{labels} is {found}, not {value}"
    print(f"{path.name}: {len(families)} families, {len(samples)} samples")
print(f"{len(pages)} passed, 0 failed", file=sys.stdout)
