"""A policy that is changed, deleted or broken while a run goes on: the run ends under the old one, the next says what it found."""

import contextlib
import hashlib
import threading

import cases
import data
import faults
import sync

WAIT_SECONDS_MAX = 60
OLD = """local akosha, rules = require "akosha", require "rules"
return akosha.policy {
  api = 1,
  system_id = "test-box",
  targets = { web = akosha.http { url = "%s" }, disk = akosha.dir { path = "%s" } },
  route = { "web" },
  retry = function(failure)
    return rules.patient(failure)
  end,
}
"""
RULES = """local akosha = require "akosha"
return { patient = function(failure) return failure.name == "server" and akosha.wait(0.2) or nil end }
"""


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Held:
    """Holds one request until it is let go, then answers as a server that has a bad moment."""

    def __init__(self):
        self.arrived, self.released = threading.Event(), threading.Event()

    def __call__(self, exchange):
        exchange.read_body()
        self.arrived.set()
        self.released.wait(WAIT_SECONDS_MAX)
        exchange.answer(500, {}, b"")


class Change(cases.Case):
    def setUp(self):
        nginx = self.have(cases.world.nginx)
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.web = stack.enter_context(faults.Proxy(nginx.port))

    def changed_meanwhile(self, change):
        """A person whose policy ${change}(person) met while the only object was on its way."""
        person = self.person()
        held = Held()
        self.web.on(lambda request: request.is_object(), held)
        source = person.source("memory.bin", data.half_compressible, 5000)
        text = OLD % (f"{self.web.url}/upload", person.folder / "disk")
        (person.folder / "rules.lua").write_text(RULES)
        person.policy.write_text(text)
        process = person.start(*person.run_arguments(None, [source]))
        self.assertTrue(held.arrived.wait(WAIT_SECONDS_MAX))
        change(person)
        held.released.set()
        result = person.finish(process)
        self.assert_stored(result, "web")
        self.assertEqual(result.report["policy"], {"path": str(person.policy), "sha256": digest(text)})
        self.assertEqual([(d["answer"], d["by"], d["line"]) for d in result.decided("server")],
                         [("wait 0.2", "policy", 7)], result)
        self.assertEqual(len(self.web.asked(lambda request: request.is_object())), 2)
        data.half_compressible(source, 6000, 2)
        return person, source

    def test_changed(self):
        def change(person):
            new = sync.policy({"disk": sync.builder("dir", path=person.folder / "disk")}, retry="akosha.retry.none()")
            # As editors do it: a new file in the old one's place.
            (person.folder / "new.lua").write_text(new)
            (person.folder / "new.lua").replace(person.policy)
            (person.folder / "rules.lua").write_text("return { patient = 1 }\n")

        person, source = self.changed_meanwhile(change)
        result = person.run(None, [source])
        self.assert_stored(result, "disk")
        self.assertEqual(result.report["policy"]["sha256"], digest(person.policy.read_text()))

    def test_deleted(self):
        def delete(person):
            person.policy.unlink()
            (person.folder / "rules.lua").unlink()

        person, source = self.changed_meanwhile(delete)
        result = person.run(None, [source])
        self.assert_code(result, 3)
        self.assertIn(str(person.policy), result.report["error"]["message"])
        self.assertEqual(len(self.web.asked(lambda request: request.is_object())), 2)

    def test_made_invalid(self):
        person, source = self.changed_meanwhile(lambda person: person.policy.write_text("return {\n  rout =\n"))
        result = person.run(None, [source])
        self.assert_code(result, 3)
        self.assertRegex(result.report["error"]["message"], r"policy\.lua:\d+: ")
        self.assertEqual(len(self.web.asked(lambda request: request.is_object())), 2)
