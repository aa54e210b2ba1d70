"""Has Python's prometheus_client read the golden pages: every line must become a sample, and every family its type."""

import pathlib
import sys

from prometheus_client.parser import text_string_to_metric_families

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
    print(f"{path.name}: {len(families)} families, {len(samples)} samples")
print(f"{len(pages)} passed, 0 failed", file=sys.stdout)
