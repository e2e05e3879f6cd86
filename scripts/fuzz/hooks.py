"""What the fuzzer needs to know of this API: which ids exist, and what would end the run itself.

Ids that the platform answers with are remembered by the path segment before them (`executions`, `triggers`, …) and take
the place of most of the random ones, so that calls go deeper than "not found".
"""

import atexit
import collections
import json
import os
import random
import uuid

import schemathesis

SETTINGS = json.loads(os.environ["PEGASUS_FUZZ"])
RANDOM = random.Random(SETTINGS["seed"])
# The key, the tenant and the member that the fuzzer itself calls with, and the workflow that it plays with.
PROTECTED = set(SETTINGS["protected"])
KNOWN = {segment: list(ids) for segment, ids in SETTINGS["known"].items()}
AT_MOST = 50
WORDS = {"cronExpression": ["30 6 * * MON-FRI", "*/5 * * * *"], "eventType": ["invoice.paid"]}
# What the published workflow, examples/hello, answers to.
TALK = {"query": "phase", "signal": "hurry"}
STATUSES = collections.defaultdict(collections.Counter)
# Which part of an answer names the thing in later paths.
NAMES = {"event-types": "name", "secrets": "key", "configs": "key", "updates": "updateId"}


def segment_before(path, parameter):
    parts = path.split("/")
    return parts[parts.index("{" + parameter + "}") - 1]


def is_destructive(case, parameter):
    """Whether the call could end what the parameter names, which may be what the fuzzer itself lives on."""
    if parameter != [part for part in case.path.split("/") if part.startswith("{")][-1].strip("{}"):
        return False
    return case.method.upper() in ("DELETE", "PATCH", "PUT") or case.path.endswith(("/rotate", "/admin-key"))


def make_plausible(case):
    """Words that a random string never is, in some of the calls."""
    if not isinstance(case.body, dict) or RANDOM.random() < 0.5:
        return
    for field, words in WORDS.items():
        if isinstance(case.body.get(field), str):
            case.body[field] = RANDOM.choice(words)
    talk = TALK.get(case.path.split("/")[-1])
    if talk is not None and isinstance(case.body.get("name"), str):
        case.body.update(name=talk, args=[])


@schemathesis.auth()
class Key:
    """The key comes by the environment: an argument would show it to every process of the machine."""

    def get(self, case, context):
        return SETTINGS["token"]

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, kwargs):
    for name, value in list((case.path_parameters or {}).items()):
        if "{" + name + "}" not in case.path.split("/"):
            continue
        ids = KNOWN.get(segment_before(case.path, name), [])
        if is_destructive(case, name):
            ids = [one for one in ids if one not in PROTECTED]
            if value in PROTECTED:
                case.path_parameters[name] = str(uuid.UUID(int=RANDOM.getrandbits(128), version=4))
        if ids and RANDOM.random() < 0.7:
            case.path_parameters[name] = RANDOM.choice(ids)
    make_plausible(case)
    # Twilio is not here to be asked: that it cannot be reached would be a true 502.
    if isinstance(case.body, dict) and case.body.get("kind") == "TWILIO":
        case.body["enabled"] = False
    # A call that waits is right, and would take the whole time there is.
    for part in (case.query, case.body):
        if isinstance(part, dict) and isinstance(part.get("waitSeconds"), (int, float)) and part["waitSeconds"] > 1:
            part["waitSeconds"] = min(part["waitSeconds"], 1) if part["waitSeconds"] <= 55 else part["waitSeconds"]


@schemathesis.hook
def after_call(context, case, response):
    if case.method.upper() == case.operation.method.upper():
        STATUSES[f"{case.method.upper()} {case.path}"][response.status_code] += 1
    if not 200 <= response.status_code < 300:
        return
    try:
        data = response.json()["data"]
    except (ValueError, KeyError, TypeError):
        return
    segments = [part for part in case.path.split("/") if part and not part.startswith("{")]
    segment = {"run": "executions", "retry": "executions", "emit": "events", "fork": "workflows"}.get(
        segments[-1], segments[-1]
    )
    for one in data if isinstance(data, list) else [data]:
        name = one.get(NAMES.get(segment, "id")) if isinstance(one, dict) else None
        if isinstance(name, str) and name not in KNOWN.setdefault(segment, []):
            KNOWN[segment].append(name)
            del KNOWN[segment][:-AT_MOST]


@atexit.register
def tell():
    """What each operation answered, so that one that only ever refused shows."""
    with open(SETTINGS["statuses"], "w", encoding="utf-8") as file:
        json.dump(STATUSES, file)
