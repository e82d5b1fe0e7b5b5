"""Suite `kube` of hack/bench: the agent and the operator on a real API server of its own."""
import http.client
import json
import os
import re
import ssl
import subprocess
import threading
import time
import urllib.parse
import urllib.request

ONE_BY_ONE = 200
SPACE = "bench"
GROUP = "/apis/edge.cattle.io/v1alpha1"


class Cluster:
    """hack/kube up, and requests as its administrator."""

    def __init__(self, bench, tools):
        self.bench, self.tools = bench, tools
        self.dir = bench.path("kube")
        self.kubeconfig = os.path.join(self.dir, "admin.kubeconfig")

    def __enter__(self):
        script = os.path.join(self.tools.ROOT, "hack", "kube")
        if subprocess.run([script, "up", "--dir", self.dir], stdout=subprocess.DEVNULL).returncode:
            raise self.tools.DidNotRun("hack/kube up failed")
        with open(self.kubeconfig) as f:
            text = f.read()
        self.server = urllib.parse.urlparse(re.search(r"server: *\"?(https://[^\s\",}]+)", text)[1])
        pki = os.path.join(self.dir, "pki")
        self.tls = ssl.create_default_context(cafile=os.path.join(pki, "ca.crt"))
        self.tls.load_cert_chain(os.path.join(pki, "admin.crt"), os.path.join(pki, "admin.key"))
        self.local = threading.local()
        return self

    def __exit__(self, *_):
        script = os.path.join(self.tools.ROOT, "hack", "kube")
        subprocess.run([script, "down", self.dir], stdout=subprocess.DEVNULL)

    def request(self, method, path, body=None):
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = http.client.HTTPSConnection(self.server.hostname, self.server.port,
                                                     context=self.tls, timeout=60)
            self.local.connection = connection
        connection.request(method, path, json.dumps(body) if body else None,
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
        if answer.status >= 400:
            raise self.tools.DidNotRun(f"{method} {path}: {answer.status} {data[:200]!r}")
        return json.loads(data)

    def apply(self, *paths):
        argv = [os.path.join(self.dir, "bin", "kubectl"), "--kubeconfig", self.kubeconfig, "apply", "--server-side"]
        for path in paths:
            argv += ["-f", path]
        if subprocess.run(argv, stdout=subprocess.DEVNULL).returncode:
            raise self.tools.DidNotRun("kubectl apply failed")


class Broker:
    """When each topic was first seen."""

    def __init__(self, bench, tools, port):
        self.first, self.changed = {}, threading.Condition()
        self.child = subprocess.Popen(
            [tools.find("mosquitto_sub"), "-h", "127.0.0.1", "-p", str(port), "-t", "ours/#",
             "-F", "%t"], stdout=subprocess.PIPE, text=True)
        bench.children.append(self.child)
        self.child.log = os.devnull
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stdout:
            name = line.rsplit("/", 1)[-1].strip()
            if name not in self.first:
                with self.changed:
                    self.first[name] = time.monotonic()
                    self.changed.notify_all()

    def wait(self, names, seconds):
        limit = time.monotonic() + seconds
        with self.changed:
            while not all(n in self.first for n in names):
                if not self.changed.wait(limit - time.monotonic()):
                    return False
        return True


def link(name, i, device_port, broker_port, points, tools):
    properties = [{"name": f"r{n}", "type": "uint16", "readOnly": True, "visitor": {
        "register": "HoldingRegister", "offset": n, "quantity": 1}} for n in range(points)]
    return {
        "apiVersion": "edge.cattle.io/v1alpha1", "kind": "DeviceLink",
        "metadata": {"name": name, "namespace": SPACE},
        "spec": {
            "adaptor": {"node": "bench", "name": "adaptors.edge.cattle.io/modbus"},
            "model": {"apiVersion": "devices.edge.cattle.io/v1alpha1", "kind": "ModbusDevice"},
            "template": {"spec": {
                "parameters": {"syncInterval": "1s", "timeout": "5s"},
                "protocol": {"tcp": {"endpoint": f"{tools.device_address(i)}:{device_port}",
                                     "workerID": 1}},
                "extension": {"mqtt": {
                    "session": "Shared", "client": {"server": f"tcp://127.0.0.1:{broker_port}"},
                    "message": {"topic": "ours/:name", "qos": 0, "retained": False}}},
                "properties": properties}}}}


def metrics(port):
    """{(method, resource, code): n} of devicelink_kube_requests_total."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    rows = {}
    for labels, value in re.findall(r"^devicelink_kube_requests_total{(.*)} (\S+)$", text, re.M):
        row = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        rows[row["verb"], row["resource"], row["code"]] = float(value)
    return rows


def delta(before, after):
    rows = {k: after[k] - before.get(k, 0) for k in after}
    return {k: v for k, v in rows.items() if v > 0}


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p))]


def healthy(cluster):
    items = cluster.request("GET", f"{GROUP}/namespaces/{SPACE}/devicelinks")["items"]
    good = 0
    for item in items:
        last = (item.get("status", {}).get("conditions") or [{}])[-1]
        good += last.get("type") == "DeviceConnected" and last.get("status") == "True"
    return good, len(items)


def print_requests(title, rows, seconds):
    print(f"  {title}")
    for (verb, resource, code), n in sorted(rows.items(), key=lambda r: -r[1]):
        print(f"    {verb:<8}{resource:<28}{code:>5}{n:>10.0f}{n / seconds:>10.2f}/s")


def ready(port, what, child, tools):
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            pass
        if child.poll() is not None:
            break
        time.sleep(0.1)
    raise tools.DidNotRun(f"{what} does not become ready: " + tools.tail(child.log))


def start(bench, tools, cluster):
    program = os.path.join(tools.BUILD, "devicelink")
    ports = tools.free_port(), tools.free_port()
    common = ["--kubeconfig", cluster.kubeconfig, "--log-level", "warning"]
    operator = bench.start("operator", program, "operator", *common, "--lease-namespace", SPACE,
                           "--metrics-addr", f"127.0.0.1:{ports[0]}")
    agent = bench.start("agent", program, "agent", *common, "--node-name", "bench",
                        "--lease-namespace", SPACE, "--state", bench.path("state"),
                        "--adaptors", os.path.join(tools.BUILD, "adaptors"),
                        "--metrics-addr", f"127.0.0.1:{ports[1]}")
    ready(ports[0], "the operator", operator, tools)
    ready(ports[1], "the agent", agent, tools)
    return operator, agent, ports


def one_by_one(cluster, broker, make):
    took = []
    for i in range(ONE_BY_ONE):
        name = f"one{i}"
        began = time.monotonic()
        cluster.request("POST", f"{GROUP}/namespaces/{SPACE}/devicelinks", make(name, i))
        if not broker.wait([name], 20):
            return None
        took.append(1000 * (broker.first[name] - began))
    return took


def all_at_once(cluster, broker, make, n):
    names = [f"all{i}" for i in range(n)]
    began = time.monotonic()

    def post(part):
        for i in part:
            cluster.request("POST", f"{GROUP}/namespaces/{SPACE}/devicelinks", make(names[i], i))

    threads = [threading.Thread(target=post, args=(range(k, n, 4),)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    applied = time.monotonic() - began
    if not broker.wait(names, 180):
        return applied, None, None
    reporting = max(broker.first[x] for x in names) - began
    while time.monotonic() - began < 240:
        good, _ = healthy(cluster)
        if good >= n:
            return applied, reporting, time.monotonic() - began
        time.sleep(0.5)
    return applied, reporting, None


def show(value, unit):
    return "never" if value is None else f"{value:.1f} {unit}"


def measure(bench, tools, cluster):
    o = bench.options
    broker_port, device_port = bench.broker(), bench.devices("--still")
    broker = Broker(bench, tools, broker_port)
    crds = os.path.join(tools.ROOT, "crds")
    cluster.apply(*[os.path.join(crds, n) for n in sorted(os.listdir(crds)) if n.endswith(".yaml")])
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": SPACE}})
    cluster.request("POST", "/api/v1/nodes", {"metadata": {"name": "bench"}})
    operator, agent, ports = start(bench, tools, cluster)

    def make(name, i):
        return link(name, i, device_port, broker_port, o.points, tools)

    took = one_by_one(cluster, broker, make)
    if not took:
        raise tools.DidNotRun("no value arrived: " + tools.tail(agent.log))
    print(f"  apply -> first value at the broker, {ONE_BY_ONE} links one by one: "
          f"p50 {percentile(took, .5):.1f} ms, p99 {percentile(took, .99):.1f} ms, "
          f"max {max(took):.1f} ms", flush=True)
    cluster.request("DELETE", f"{GROUP}/namespaces/{SPACE}/devicelinks")
    for _ in range(600):
        if healthy(cluster)[1] == 0:
            break
        time.sleep(0.1)
    else:
        raise tools.DidNotRun("deleted links stay")

    before = metrics(ports[0]), metrics(ports[1])
    applied, reporting, converged = all_at_once(cluster, broker, make, o.links)
    print(f"  {o.links} links at once: applied in {applied:.1f} s, all reporting after "
          f"{show(reporting, 's')}, all healthy in the API after {show(converged, 's')}", flush=True)
    time.sleep(o.warm)
    after = metrics(ports[0]), metrics(ports[1])
    for i, what in enumerate(("the operator", "the agent")):
        print_requests(f"requests of {what} for that", delta(before[i], after[i]),
                       (reporting or 1) + o.warm)

    before, began = metrics(ports[1]), time.monotonic()
    used = tools.cpu_seconds(agent)
    time.sleep(3 * o.seconds)
    after, seconds = metrics(ports[1]), time.monotonic() - began
    used = tools.cpu_seconds(agent) - used
    rows = delta(before, after)
    work = sum(n for (verb, resource, _), n in rows.items()
               if verb != "WATCH" and resource != "leases")
    print_requests(f"steady state, {seconds:.0f} s: {work / seconds:.3f} requests/s of the agent "
                   "besides lease and watches", rows, seconds)
    row, other = tools.status(agent), tools.status(operator)
    print(f"  agent: {row['rss']:.1f} MB resident (peak {row['peak']:.1f}), {row['threads']} "
          f"threads, {100 * used / seconds:.1f} % of a core; operator: {other['rss']:.1f} MB",
          flush=True)
    return reporting is not None and converged is not None


def run(bench, tools):
    o = bench.options
    print(f"kube: {o.links} links x {o.points} points each second on one node, API server, broker "
          f"and devices on the same {os.cpu_count()} cores\n", flush=True)
    try:
        with Cluster(bench, tools) as cluster:
            return measure(bench, tools, cluster)
    except tools.DidNotRun as e:
        print(f"  did not run: {e}", flush=True)
        return False
