"""Starts what other scripts need: fleets, and servers that scrape them. Each ends with its `with`.
Scrapers are those of the machine, or else of Debian packages, which are unpacked below target.
"""

import contextlib
import json
import math
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent


def debian(package, command):
    """The path of a command of a Debian package."""
    if found := shutil.which(command):
        return found
    directory = ROOT / "target/debian" / package
    subprocess.run([ROOT / "scripts/unpack-debian", directory, package], check=True)
    return directory / "root/usr/bin" / command


def python_with(package):
    """The Python of the repository's own environment, where this package can be imported."""
    python = ROOT / ".venv/bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", ROOT / ".venv"], check=True)
    if subprocess.run([python, "-c", f"import {package}"], stderr=subprocess.DEVNULL).returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", package], check=True)
    return python


def free_port(wanted=0):
    """A port that was free a moment ago: the wanted one, if it was."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", wanted))
        except OSError:
            listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(command, ready):
    """A process, and the first line of its standard error that has `ready`. Ctrl-C in the terminal
    doesn't reach it.
    """
    process = subprocess.Popen(
        [str(word) for word in command], start_new_session=True, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    try:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if ready in line:
                break
        else:
            sys.exit(f"{command[0]} ended before it was ready:\n{''.join(lines[-5:])}")
        # A full pipe would stop it.
        threading.Thread(target=lambda: [None for _ in process.stderr], daemon=True).start()
        yield process, line
    finally:
        process.kill()
        process.wait()


def build_fleet():
    subprocess.run(["cargo", "build", "--quiet", "--release", "--example", "fleet"], check=True, cwd=ROOT)


class Fleet:
    """A fleet that runs: its address, and its report."""

    def __init__(self, process, address):
        self.process, self.address, self._report = process, address, None

    def report(self):
        """Waits for the end of the replay."""
        if self._report is None:
            self._report = json.loads(self.process.stdout.readline())
        return self._report

    def page(self, accept):
        request = urllib.request.Request(f"http://{self.address}/metrics", headers={"Accept": accept})
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode()


@contextlib.contextmanager
def fleet(*options, port=0):
    """A fleet that goes on serving after its replay."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    command = [target / "release/examples/fleet", "--listen", port, "--hold", "--json", *options]
    with running(command, "listening on") as (process, line):
        yield Fleet(process, line.split("http://")[1].split("/")[0])


def configuration(directory, jobs, interval=None):
    """Writes what is in ops, with other targets: addresses by job. Returns the path of Prometheus'
    configuration.
    """
    shutil.copytree(ROOT / "ops/rules", directory / "rules")
    path = pathlib.Path(shutil.copy(ROOT / "ops/prometheus.yml", directory))
    paced = {"__scrape_interval__": interval, "__scrape_timeout__": interval} if interval else {}
    targets = [{"targets": addresses, "labels": {"job": job} | paced} for job, addresses in jobs.items()]
    (directory / "targets").mkdir()
    (directory / "targets/local.json").write_text(json.dumps(targets))
    return path


@contextlib.contextmanager
def prometheus(config, port=0):
    """The address of a Prometheus that keeps its data next to its configuration."""
    address = f"127.0.0.1:{free_port(port)}"
    command = [debian("prometheus", "prometheus"), f"--config.file={config}", f"--web.listen-address={address}"]
    with running([*command, f"--storage.tsdb.path={config.parent}/prometheus"], "Server is ready"):
        yield address


@contextlib.contextmanager
def victoria_metrics(config):
    """The address of a VictoriaMetrics that reads the same configuration, except for rules."""
    address = f"127.0.0.1:{free_port()}"
    command = [debian("victoria-metrics", "victoria-metrics"), f"-httpListenAddr={address}"]
    command += [f"-promscrape.config={config}", "-promscrape.config.strictParse=false", "-search.latencyOffset=0s"]
    command += ["-maxLabelsPerTimeseries=64"]  # beyond 30, labels are dropped by default
    with running([*command, f"-storageDataPath={config.parent}/victoria-metrics"], "started VictoriaMetrics"):
        yield address


def get(address, path, **query):
    with urllib.request.urlopen(f"http://{address}/api/v1/{path}?{urllib.parse.urlencode(query)}") as answer:
        return json.load(answer)["data"]


def query(address, expression):
    """What an instant query gives: labels and value of each series."""
    return [(sample["metric"], float(sample["value"][1])) for sample in get(address, "query", query=expression)["result"]]


def has_data(address, expression):
    """Whether an instant query gives a finite value."""
    return any(math.isfinite(value) for _, value in query(address, expression))
