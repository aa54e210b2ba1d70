"""Has Python's prometheus_client read the golden pages, in both formats: every line must become a sample, and every family its type.
Arguments are other pages, which are read instead.

The parser of OpenMetrics is the strictest one there is. So that a page which it reads means something, it must refuse each of
MUTATIONS. Like all others it takes a sample that appears twice, so that is looked for here.
"""

import pathlib
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics_families
from prometheus_client.parser import text_string_to_metric_families

ODD_NAME = 'back\\slash "quotes" line\nfeed\ttab \u00e9 \U0001f980 {},='
VALUES = {
    "kinds": [
        ("a_integer_total", {"engine": "0"}, "1.8446744073709552e+19"),
        ("b_seconds_total", {"engine": "0"}, "1234567.5"),
        ("d_ratio", {"engine": "0"}, "nan"),
        ("d_ratio", {"model_name": ODD_NAME}, "-inf"),
        ("c_level", {"engine": "0", "x": "y", "y": 'b\\"\n'}, "9.223372036854776e+18"),
        ("e_tokens_total_bucket", {"engine": "0", "le": "1e+06"}, "5.0"),
    ],
    "names": [
        ("a:level", {"x": "nan"}, "nan"),
        ("a:level", {"x": "+inf"}, "inf"),
        ("a:level", {"x": "-inf"}, "-inf"),
        ("f_bare_info", {}, "1.0"),
        ("g_level", {"x": "# EOF\n{\\"}, "0.5"),
    ],
    "vllm_base": [("vllm:iteration_tokens_total_sum", {"engine": "1"}, "1.0")],
}

# What it is about, and how a page that has it comes about: the text and what replaces it.
MUTATIONS = [
    ("no end", "# EOF\n", ""),
    ("something behind the end", "# EOF\n", "# EOF\nx 1\n"),
    ("an empty line", "# EOF\n", "\n# EOF\n"),
    ("a comment", "# EOF\n", "# another crate's page\n# EOF\n"),
    ("a counter's family with a suffix", "# TYPE a_integer counter", "# TYPE a_integer_total counter"),
    ("a counter without one", "a_integer_total{", "a_integer{"),
    ("a counter below zero", "} 18446744073709551615\n", "} -1\n"),
    ("a counter that is no number", "} 18446744073709551615\n", "} NaN\n"),
    ("an unknown type", "# TYPE d_ratio gauge", "# TYPE d_ratio level"),
    ("a unit that the name lacks", "# UNIT d_ratio ratio", "# UNIT d_ratio seconds"),
    ("a type twice", "# TYPE d_ratio gauge\n", "# TYPE d_ratio gauge\n# TYPE d_ratio gauge\n"),
    ("no overflow bucket", 'le="+Inf"', 'le="1e+300"'),
    ("a bucket that isn't a number", 'le="2.5"', 'le="x"'),
    ("buckets out of order", 'le="2.5"', 'le="0.5"'),
    ("an open quote", 'model_name="meta', 'model_name="meta"'),
    ("a label twice", 'model_name="meta', 'engine="1",model_name="meta'),
    ("two spaces", "} 18446744073709551615\n", "}  18446744073709551615\n"),
    ("a family of two parts", "# EOF\n", 'd_ratio{engine="2"} 1\n# EOF\n'),
    ("a count that isn't the last bucket's", "e_tokens_total_count{", "e_tokens_total_gcount{"),
]


def check(path, page):
    """Every line is one sample, and no sample appears twice."""
    is_open_metrics = path.suffix == ".openmetrics"
    families = list(open_metrics_families(page) if is_open_metrics else text_string_to_metric_families(page))
    suffix = "" if is_open_metrics else "_total"
    lines = [line for line in page.splitlines() if line and not line.startswith("#")]
    types = {line.split()[2]: line.split()[3] for line in page.splitlines() if line.startswith("# TYPE ")}
    samples = [sample for family in families for sample in family.samples]
    names = [line.rpartition(" ")[0] for line in lines]
    assert len(names) == len(set(names)), f"{path.name}: a sample appears twice"
    assert len(samples) == len(lines), f"{path.name}: {len(samples)} samples of {len(lines)} lines"
    # An exact name has no suffix.
    full_name = lambda family: family.name + (suffix if family.type == "counter" and family.name not in types else "")
    read = {full_name(family): family.type for family in families}
    assert read == types, f"{path.name}: {read} is not {types}"
    for family in families:
        assert family.documentation or family.name == "b_seconds", f"{path.name}: {family.name} has no help"
    for name, labels, value in VALUES.get(path.stem, []):
        found = [s.value for s in samples if s.name == name and labels.items() <= s.labels.items()]
        assert found and str(float(found[0])) == value, f"{path.name}: {name}{labels} is {found}, not {value}"
    print(f"{path.name}: {len(families)} families, {len(samples)} samples")


def grouped(page):
    """The page with all times of creation behind the other samples of their family, which isn't allowed."""
    lines = page.splitlines(keepends=True)
    first, last = [index for index, line in enumerate(lines) if line.startswith("b_seconds_")][::3]
    family = sorted(lines[first : last + 1], key=lambda line: "_created" in line)
    return "".join(lines[:first] + family + lines[last + 1 :])


def assert_refused(what, page):
    try:
        list(open_metrics_families(page))
    except (ValueError, TypeError, KeyError, IndexError):
        return
    raise AssertionError(f"{what}: not refused")


def assert_mutations_are_refused(golden):
    kinds = (golden / "kinds.openmetrics").read_text()
    for what, old, new in MUTATIONS:
        assert old in kinds, f"{what}: {old!r} isn't on the page"
        assert_refused(what, kinds.replace(old, new))
    assert grouped(kinds) != kinds
    assert_refused("times of creation behind all else", grouped(kinds))
    for path in (golden / "kinds.prom", golden / "kinds.openmetrics"):
        page = path.read_text()
        [line, *_] = [line for line in page.splitlines(keepends=True) if line.startswith("d_ratio{")]
        try:
            check(path, page.replace(line, line + line))
        except AssertionError as error:
            assert "twice" in str(error), error
        else:
            raise AssertionError(f"{path.name}: nobody notices that a sample appears twice")
    print(f"{len(MUTATIONS) + 3} mutations of pages refused")


def main():
    golden = pathlib.Path(__file__).parent / "golden"
    pages = list(map(pathlib.Path, sys.argv[1:])) or sorted([*golden.glob("*.prom"), *golden.glob("*.openmetrics")])
    assert pages, "no golden pages"
    for path in pages:
        check(path, path.read_text())
    if not sys.argv[1:]:
        assert_mutations_are_refused(golden)
    print(f"{len(pages)} passed, 0 failed")


main()
