"""What the fuzzer needs to know of this API: which ids exist, and what would end the run itself.

Ids that the platform answers with are remembered by the path segment before them (`executions`, `triggers`, …) and take
the place of most of the random ones, so that calls go deeper than "not found".
"""

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
# Which part of an answer names the thing in later paths.
NAMES = {"event-types": "name", "secrets": "key", "configs": "key", "updates": "updateId"}


def segment_before(path, parameter):
    parts = path.split("/")
    return parts[parts.index("{" + parameter + "}") - 1]


def is_destructive(case):
    """Whether the call could end what the fuzzer itself lives on; a protected id is not for it."""
    return case.method.upper() in ("DELETE", "PATCH", "PUT") or case.path.endswith(("/rotate", "/admin-key"))


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
        if is_destructive(case):
            ids = [one for one in ids if one not in PROTECTED]
            if value in PROTECTED:
                case.path_parameters[name] = str(uuid.UUID(int=RANDOM.getrandbits(128), version=4))
        if ids and RANDOM.random() < 0.7:
            case.path_parameters[name] = RANDOM.choice(ids)
    # A call that waits is right, and would take the whole time there is.
    for part in (case.query, case.body):
        if isinstance(part, dict) and isinstance(part.get("waitSeconds"), (int, float)) and part["waitSeconds"] > 1:
            part["waitSeconds"] = min(part["waitSeconds"], 1) if part["waitSeconds"] <= 55 else part["waitSeconds"]


@schemathesis.hook
def after_call(context, case, response):
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
