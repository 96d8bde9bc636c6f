"""Lets `conform client` use the clients beside this file: one JSON object a line on stdin and stdout."""

import concurrent.futures
import json
import sys
import time

from crmcom import CrmCom
from jmap_cloud import JMapCloud
from jmap_server import JMapServer
from longjump import LongJump
from saymon import Saymon
from wedia import Wedia
from wire import ApiError


class Skipped(Exception):
    """The client has nothing for this."""


def login_crm(client, account, kind):
    if kind == "user":
        client.login(account["username"], account["password"], account["organisations"][0])
    elif kind == "key" and account.get("classification") == "SYSTEMIC_KEY":
        client.login_with_key(account["value"])
    else:
        raise Skipped(f"this client has no login with a {kind}")


def login_wedia(client, account, kind):
    if kind == "application":
        client.signin(account["key"], account["secret"], account["name"])
    else:
        client.signin(account["login"], account["password"])


# For each system: how a client is made of a task, and what each action calls.
SYSTEMS = {
    "jmap-server": (lambda t: JMapServer(t["base_url"], session_type=t["settings"].get("types", ["NG"])[0]), {
        "login": lambda c, t, s: c.login(t["account"]["username"], t["account"]["password"]),
        "call": lambda c, t, s: c.projects(),
        "logout": lambda c, t, s: c.logout(),
        "resume": lambda c, t, s: c.set_token(s["token"]),
    }),
    "jmap-cloud": (lambda t: JMapCloud(t["base_url"]), {
        "login": lambda c, t, s: c.login(t["account"]["email"], t["account"]["password"]),
        "call": lambda c, t, s: c.me(),
        "refresh": lambda c, t, s: c.refresh(),
        "logout": lambda c, t, s: c.logout(),
        "resume": lambda c, t, s: c.set_token(s["token"]),
    }),
    "crmcom": (lambda t: CrmCom(t["base_url"], releases=bool(t["settings"].get("tokenRelease")),
                                spelling="organization" if t["settings"].get("organizationSpelling") else "organisation"), {
        "login": lambda c, t, s: login_crm(c, t["account"], t["kind"]),
        "call": lambda c, t, s: c.contact("CI000111"),
        "logout": lambda c, t, s: c.logout(),
    }),
    "wedia": (lambda t: Wedia(t["base_url"]), {
        "login": lambda c, t, s: login_wedia(c, t["account"], t["kind"]),
        "call": lambda c, t, s: c.whoami(),
        "refresh": lambda c, t, s: c.refresh(),
        "logout": lambda c, t, s: c.signout(),
        "resume": lambda c, t, s: c.resume(s["token"]),
    }),
    "saymon": (lambda t: Saymon(t["base_url"]), {
        "login": lambda c, t, s: c.login(t["account"]["login"], t["account"]["password"]),
        "call": lambda c, t, s: c.me(),
        "logout": lambda c, t, s: c.logout(),
    }),
    "longjump": (lambda t: LongJump(t["base_url"]), {
        "login": lambda c, t, s: c.login(t["account"]["username"], t["account"]["password"]),
        "call": lambda c, t, s: c.user(),
        "logout": lambda c, t, s: c.logout(),
    }),
}


def attempt(act, client, task, step):
    try:
        act(client, task, step)
    except ApiError as e:
        return {"ok": False, "error": {"code": e.code, "http": e.status, "message": str(e), "login": e.login}}
    except (Skipped, KeyError):
        raise  # about the task, not the client
    except Exception as e:  # the client's own bug
        return {"ok": False, "error": {"message": f"{type(e).__name__}: {e}"}}
    return {"ok": True}


def run(task, client, pool):
    actions, results, end = SYSTEMS[task["system"]][1], [], time.monotonic() + task["deadline_ms"] / 1000
    for i, step in enumerate(task["steps"]):
        if step["do"] not in actions:
            raise Skipped(f"this client has no {step['do']}")
        client.timeout = max((end - time.monotonic()) * 0.85 / (len(task["steps"]) - i), 0.05)
        one = (attempt, actions[step["do"]], client, task, step)
        if step.get("parallel", 1) > 1:
            each = [f.result() for f in [pool.submit(*one) for _ in range(step["parallel"])]]
            results.append({"ok": all(r["ok"] for r in each), "each": each})
        else:
            results.append(attempt(*one[1:]))
    return results


def main():
    client = None
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        for line in sys.stdin:
            message = json.loads(line)
            if message["cmd"] == "stop":
                return
            if message["cmd"] == "start":
                does = list(SYSTEMS[message["system"]][1]) if message["system"] in SYSTEMS else []
                answer = {"ready": True, "protocol": 1, "does": does, "systems": list(SYSTEMS),
                          "client": {"name": "python-" + message["system"], "version": "1.0.0", "language": "Python"}}
            else:
                answer = {"seq": message["seq"]}
                try:
                    if message["new"] or client is None:
                        client = SYSTEMS[message["system"]][0](message)
                    answer["steps"] = run(message, client, pool)
                except Skipped as e:
                    answer["skipped"] = {"message": str(e)}
                except Exception as e:  # ours, and no verdict on the client
                    answer["errored"] = {"message": f"{type(e).__name__}: {e}"}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
