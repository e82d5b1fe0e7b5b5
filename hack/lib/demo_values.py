"""Print what arrives at the broker of the demo, one line per message, and judge it.

Follows a file of lines "RETAINED TOPIC PAYLOAD" (mosquitto_sub -F '%r %t %p').  Ends after --seconds
(0: never) or when the agent does.  Exit 0 when every expected topic brought fresh values: at least two
messages that are not retained, without a bad quality in the last one.
"""
import argparse
import json
import sys
import time


def describe(document):
    if isinstance(document, dict) and isinstance(document.get("properties"), list):
        return "  ".join(describe_property(p) for p in document["properties"])
    return json.dumps(document)


def describe_property(p):
    text = f"{p.get('name')}={p.get('value', '-')}"
    if "operatedValue" in p:
        text += f" (operated {p['operatedValue']})"
    if "quality" in p:
        text += f" [{p['quality']}: {p.get('error', '')}]"
    return text


def is_healthy(document):
    if not isinstance(document, dict) or not document:
        return False
    properties = document.get("properties")
    if isinstance(properties, list):
        return bool(properties) and all("quality" not in p and p.get("value") for p in properties)
    return True


class Tally:
    def __init__(self, expected):
        self.fresh = {topic: 0 for topic in expected}
        self.healthy = {topic: False for topic in expected}

    def add(self, line):
        retained, topic, payload = line.split(" ", 2)
        document = json.loads(payload)
        if retained == "0" and topic in self.fresh:
            self.fresh[topic] += 1
            self.healthy[topic] = is_healthy(document)
        print(f"{time.strftime('%H:%M:%S')}  {topic:<18}  {describe(document)}", flush=True)

    def missing(self):
        return [t for t in self.fresh if self.fresh[t] < 2 or not self.healthy[t]]


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def follow(path, keep_on):
    """Whole lines of a growing file, as long as keep_on() says so."""
    rest = b""
    with open(path, "rb") as f:
        while keep_on():
            data = f.read()
            if not data:
                time.sleep(0.05)
                continue
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "replace")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", required=True)
    parser.add_argument("--agent", type=int, required=True)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("expected", nargs="+")
    options = parser.parse_args()
    tally = Tally(options.expected)
    end = time.monotonic() + options.seconds if options.seconds else float("inf")
    for line in follow(options.file,
                       lambda: time.monotonic() < end and is_running(options.agent)):
        try:
            tally.add(line)
        except ValueError:
            print(f"not a status document: {line}", flush=True)
    for topic in tally.missing():
        print(f"no fresh values on {topic} ({tally.fresh[topic]} messages)", file=sys.stderr)
    return 1 if tally.missing() else 0


if __name__ == "__main__":
    sys.exit(main())
