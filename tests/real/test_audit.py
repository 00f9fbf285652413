"""The audit log against whoever changes it: what is named, what a target knows, what a kill leaves."""

import fcntl
import hashlib
import json
import random
import subprocess
import threading
import time

import cases
import data
import schema
import sync

KILLS = 60
RUN_SECONDS = 0.3          # about what a run takes


def lines_of(person):
    """Of all files, oldest first."""
    files = [*sorted(person.state.glob("audit-*.jsonl")), person.state / "audit.jsonl"]
    return [line for file in files for line in file.read_bytes().splitlines()]


def events_of(person):
    return [json.loads(line)["event"] for line in lines_of(person)]


def rewritten(lines, edit):
    """One chain again after ${edit}(record) of each line; None drops it."""
    before, out = "0" * 64, []
    for line in lines:
        record = edit(json.loads(line))
        if record is None:
            continue
        record["prev"], record["seq"] = before, len(out) + 1
        out.append(json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode())
        before = hashlib.sha256(out[-1]).hexdigest()
    return out


class Audit(cases.Case):
    def grow(self, person, runs, targets=None, **fields):
        """Runs whose source is another each time."""
        source = person.folder / "a.bin"
        for i in range(runs):
            source.write_bytes(b"%d" % i * 100)
            text = sync.policy(targets or {"folder": sync.builder("dir", path=str(person.folder / "target"))}, **fields)
            self.assert_code(person.run(text, [source]), 0)

    def verify(self, person, code, *arguments):
        result = person.ask("audit", "verify", "--json", "--state", person.state, *arguments)
        self.assert_code(result, code)
        schema.check("audit_verify", result.report)
        return result.report

    def with_lines(self, person, lines, end=b"\n"):
        (person.state / "audit.jsonl").write_bytes(b"\n".join(lines) + end)

    def assert_named(self, person, kind, line):
        fault = self.verify(person, 5)["fault"]
        self.assertEqual((fault["kind"], fault["file"], fault["line"]), (kind, "audit.jsonl", line), fault)

    def test_records_are_as_the_schema_says(self):
        server = self.have(cases.world.versitygw)
        person = self.person()
        self.grow(person, 2, {"cloud": sync.s3(server, prefix="audit-schema")}, compress="'none'")
        policy = ("--policy", person.policy, "--state", person.state)
        self.assert_code(person.ask("verify", *policy), 0)
        self.assert_code(person.ask("restore", *policy, "--to", person.folder / "back"), 0)
        self.assert_code(person.ask("prune", *policy, "--keep", "last=1", "--apply"), 0)
        secret = person.folder / "token"
        secret.write_text("hidden-value")
        secret.chmod(0o600)
        self.assert_code(person.ask("secret", "add", "akosha-token", "--file", secret, "--host", "akosha.internal", "--state",
                                    person.state), 0)
        self.assert_code(person.ask("secret", "remove", "akosha-token", "--state", person.state), 0)
        refused = person.folder / "refused.lua"
        refused.write_text(sync.policy({"cloud": sync.s3_at("http://akosha.internal:9000")}))
        self.assert_code(person.ask("run", "--policy", refused, "--state", person.state), 3)
        secret_key = {"AWS_SECRET_ACCESS_KEY": "wrong"}
        self.assert_code(person.ask("verify", *policy, environment=secret_key), 6)
        records = [json.loads(line) for line in lines_of(person)]
        for record in records:
            schema.check("audit", record)
        events = [record["event"] for record in records]
        for event in ("auth_success", "auth_failure", "upload_sent", "upload_success", "job", "verified", "restored", "prune", "pruned",
                      "secret_added", "secret_removed", "refused"):
            self.assertIn(event, events)
        # One auth_success for a target and a run, and not for a request.
        self.assertEqual(events.count("auth_success"), 2 + 3, events)
        self.assertEqual({r["credentials"] for r in records if r["event"] == "auth_success"}, {"environment"})
        self.assertLess(events.index("prune"), events.index("pruned"))
        text = b"\n".join(lines_of(person))
        for secret in (b"hidden-value", sync.SECRET_KEY.encode()):
            self.assertNotIn(secret, text)
        report = self.verify(person, 0, "--target", "cloud", "--policy", person.policy)
        self.assertEqual((report["targets"][0]["uploads"], report["targets"][0]["fits"]), (1, 1), report)
        shown = person.ask("audit", "show", "--json", "--state", person.state, "-n", "3")
        schema.check("audit_show", shown.report)
        self.assertEqual([r["seq"] for r in shown.report["records"]], [r["seq"] for r in records][-3:])
        self.assertTrue(shown.report["more"])

    def test_what_is_changed_is_named(self):
        person = self.person()
        self.grow(person, 6)
        lines, chance = lines_of(person), random.Random(7)
        self.verify(person, 0)
        for _ in range(6):
            i = chance.randrange(1, len(lines) - 1)
            at, bit = chance.randrange(len(lines[i])), 1 << chance.randrange(7)
            changed = bytes(byte ^ bit if j == at else byte for j, byte in enumerate(lines[i]))
            if b"\n" not in changed:
                self.with_lines(person, [*lines[:i], changed, *lines[i + 1:]])
                self.assert_named(person, "changed", i + 1)
            self.with_lines(person, lines[:i] + lines[i + 1:])
            self.assert_named(person, "dropped", i + 1)
            self.with_lines(person, [*lines[:i], lines[chance.randrange(i)], *lines[i:]])
            self.assert_named(person, "inserted", i + 1)
            self.with_lines(person, [*lines[:i], lines[i + 1], lines[i], *lines[i + 2:]])
            self.assert_named(person, "reordered", i + 1)
            self.with_lines(person, lines[:i])
            self.assert_named(person, "truncated", i)
            self.with_lines(person, [*lines[:i], lines[i][:chance.randrange(1, len(lines[i]))]], end=b"")
            self.assert_named(person, "truncated", i + 1)
        # A run that comes after does not hide it.
        self.with_lines(person, lines[:5])
        self.grow(person, 1)
        self.assertIn("log_cut", events_of(person))
        self.assertEqual(self.verify(person, 5)["fault"]["kind"], "truncated")
        self.with_lines(person, lines)

    def test_last_line_that_is_no_record_is_a_fault_unless_a_crash_can_have_left_it(self):
        person = self.person()
        self.grow(person, 2)
        lines = lines_of(person)
        for name in ("state.db", "state.db-wal", "state.db-shm"):
            (person.state / name).unlink(missing_ok=True)
        for last, end, kind in ((b"no record at all", b"\n", "changed"), (b"no record at all", b"", None),
                                (lines[-1][:40], b"\n", None), (lines[-1].replace(b'":"', b'";"', 1), b"\n", "changed")):
            self.with_lines(person, [*lines[:-1], last], end=end)
            report = self.verify(person, 5 if kind else 0)
            self.assertEqual(report["log"]["torn_end"], kind is None, last)
            if kind is not None:
                self.assertEqual((report["fault"]["kind"], report["fault"]["line"]), (kind, len(lines)), report["fault"])

    def test_log_that_was_written_anew_disagrees_with_the_target(self):
        server = self.have(cases.world.versitygw)
        person = self.person()
        self.grow(person, 4, {"cloud": sync.s3(server, prefix="audit-anew")}, compress="'none'")
        at_target = ("--target", "cloud", "--policy", person.policy)
        lines = lines_of(person)
        for file in person.state.glob("state.db*"):
            file.unlink()

        def other_bytes(record):
            for file in record.get("files", []):
                file["bytes"] += 1
            return record

        self.with_lines(person, rewritten(lines, other_bytes))
        self.assertIsNone(self.verify(person, 0)["fault"])
        report = self.verify(person, 5, *at_target)
        self.assertEqual((report["fault"]["kind"], report["targets"][0]["rewritten"]), ("rewritten", 4), report)
        self.assertIn("cloud holds another head of upload", report["fault"]["why"])
        # One upload is taken out of the history.
        ids = [json.loads(line).get("upload_id") for line in lines]
        taken = next(i for i in ids if i)
        self.with_lines(person, rewritten(lines, lambda record: None if record.get("upload_id") == taken else record))
        report = self.verify(person, 5, *at_target)
        self.assertEqual(report["targets"][0]["rewritten"], 3, report)
        # The end is missing, and only the target knows.
        last = next(i for i in reversed(ids) if i)
        self.with_lines(person, lines[:ids.index(last)])
        report = self.verify(person, 5, *at_target)
        self.assertEqual((report["fault"]["kind"], report["targets"][0]["missing"]), ("truncated", 1), report)
        self.with_lines(person, lines)
        self.assertEqual(self.verify(person, 0, *at_target)["targets"][0]["fits"], 4)
        # A target that is not there is not asked, and the chain is looked at all the same.
        away = person.folder / "away.lua"
        away.write_text(sync.policy({"cloud": sync.s3_at("http://127.0.0.1:1")}))
        report = self.verify(person, 1, "--target", "cloud", "--policy", away)
        self.assertIsNone(report["fault"])

    def test_two_machines_with_one_system_id_and_a_log_that_is_lost(self):
        server = self.have(cases.world.versitygw)
        one, two = self.person(), self.person()
        target = {"cloud": sync.s3(server, prefix="audit-two")}
        for person in (one, two, one):
            self.grow(person, 1, target, compress="'none'")
            # Another content for each.
            (person.folder / "a.bin").write_bytes(str(person.folder).encode())
            self.assert_code(person.run(None, [person.folder / "a.bin"]), 0)
        for person, other in ((one, two), (two, one)):
            report = self.verify(person, 0, "--target", "cloud", "--policy", person.policy)
            here = report["targets"][0]
            self.assertGreater(here["fits"], 0, report)
            self.assertEqual(here["fits"] + here["elsewhere"] + here["before"], here["uploads"], report)
            self.assertGreater(here["elsewhere"] + here["before"], 0, report)
        new = self.person()
        new.policy.write_text(one.policy.read_text())
        report = self.verify(new, 0, "--target", "cloud", "--policy", new.policy)
        self.assertEqual(report["targets"][0]["before"], report["targets"][0]["uploads"], report)

    def test_removal_that_only_the_log_tells_of_is_not_believed(self):
        person = self.person()
        self.grow(person, 3)
        lines, policy = lines_of(person), ("--policy", person.policy)
        dropped = hashlib.sha256(lines[2]).hexdigest()
        forged = {"seq": len(lines) + 1, "prev": hashlib.sha256(lines[-1]).hexdigest(), "at": "2026-11-26T08:00:00.000Z", "event": "rotated",
                  "follows": "audit-000000000001.jsonl", "removed_seq": 3, "removed_head": dropped}
        self.with_lines(person, [*lines[3:], json.dumps(forged, separators=(",", ":")).encode()])
        self.assert_named(person, "dropped", 1)
        # A run that comes after does not hide it.
        self.grow(person, 1)
        self.assert_named(person, "dropped", 1)
        # With the state database the memory is lost: the log's word is what is left, and verify says so.
        for file in person.state.glob("state.db*"):
            file.unlink()
        for _ in range(2):
            log = self.verify(person, 0, *policy)["log"]
            self.assertEqual((log["removed"], log["removed_proof"]), (True, "log"))
            self.grow(person, 1)

    def test_hostile_logs_are_one_clear_error(self):
        person = self.person()
        self.grow(person, 2)
        lines = lines_of(person)
        for name, bad in (("huge", b"x" * (3 << 20)), ("nuls", b"\0" * 5000), ("deep", b"[" * 60000), ("json", b'{"a":1}'),
                          ("deep json", b'{"a":' * 9000 + b"1" + b"}" * 9000)):
            with self.subTest(name):
                self.with_lines(person, [*lines[:2], bad, *lines[2:]])
                self.assert_named(person, "inserted", 3)
                self.with_lines(person, [*lines[:2], bad, *lines[3:]])
                self.assert_named(person, "changed", 3)
                result = person.ask("audit", "verify", "--state", person.state)
                self.assertEqual(result.err.count("akosha-sync: "), 1, result)
        self.with_lines(person, lines)

    def test_killed_while_writing_it_always_verifies(self):
        person = self.person()
        self.grow(person, 1)
        chance, source = random.Random(11), person.folder / "a.bin"
        # What it writes is killed at random moments: three records, a state database and a target.
        for i in range(KILLS):
            source.write_bytes(b"%d" % i * 50)
            process = subprocess.Popen(person.command(person.run_arguments(None, [source])), cwd=person.folder, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=person.environment)
            time.sleep(chance.random() * RUN_SECONDS)
            process.kill()
            process.wait()
            if i % 4 == 0:
                self.verify(person, 0)
        self.grow(person, 1)
        report = self.verify(person, 0, "--policy", person.policy)
        self.assertEqual(report["targets"][0]["fits"], report["targets"][0]["uploads"], report)

    def test_two_processes_append_at_once(self):
        person = self.person()
        self.grow(person, 1)
        before = len(lines_of(person))
        secret = person.folder / "token"
        secret.write_text("value")
        secret.chmod(0o600)

        def many(name):
            for _ in range(10):
                done = person.ask("secret", "add", name, "--file", secret, "--host", "akosha.internal", "--force", "--state", person.state)
                self.assert_code(done, 0)

        threads = [threading.Thread(target=many, args=(name,)) for name in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(lines_of(person)), before + 20)
        self.assertEqual(self.verify(person, 0)["log"]["records"], before + 20)

    # --- older files ----------------------------------------------------------------------------------

    def chained(self, lines, count, size):
        """${count} records behind those, each of about ${size} bytes."""
        out = list(lines)
        for _ in range(count):
            record = {"seq": len(out) + 1, "prev": hashlib.sha256(out[-1]).hexdigest(), "at": "2026-11-26T08:00:00.000Z",
                      "event": "policy", "said": {"text": "x" * size}}
            out.append(json.dumps(record, separators=(",", ":")).encode())
        return out

    def test_a_log_that_is_full_becomes_an_older_one_and_the_oldest_go(self):
        person = self.person()
        self.grow(person, 1)
        few = self.chained(lines_of(person), 17, 10)
        for i in range(16):
            begin, end = (0 if i == 0 else len(few) - 16 + i), len(few) - 15 + i
            path = person.state / f"audit-{begin + 1:012}.jsonl"
            path.write_bytes(b"\n".join(few[begin:end]) + b"\n")
            path.chmod(0o600)
        full = self.chained(few, 280, 61_000)
        self.with_lines(person, full[len(few):])
        self.assertGreater((person.state / "audit.jsonl").stat().st_size, 16 << 20)
        self.assertEqual(self.verify(person, 0)["log"]["records"], len(full))
        self.grow(person, 2)
        files = sorted(path.name for path in person.state.glob("audit-*.jsonl"))
        self.assertEqual(len(files), 15, files)
        self.assertEqual(files[-1], f"audit-{len(few) + 1:012}.jsonl")
        rotated = json.loads((person.state / "audit.jsonl").read_bytes().splitlines()[0])
        gone = int(files[0][6:18]) - 1
        self.assertEqual((rotated["event"], rotated["follows"], rotated["removed_seq"]), ("rotated", files[-1], gone))
        self.assertEqual(rotated["removed_head"], hashlib.sha256(few[gone - 1]).hexdigest())
        log = self.verify(person, 0)["log"]
        self.assertEqual((log["removed"], log["removed_proof"]), (True, "state.db"))
        # What is taken away besides is missed.
        (person.state / files[0]).unlink()
        self.assertEqual(self.verify(person, 5)["fault"]["kind"], "dropped")

    def test_what_a_crash_left_is_told_by_the_next_record_and_stands_from_then_on(self):
        person = self.person()
        self.grow(person, 2)
        lines = lines_of(person)
        torn = lines[-1][:70]
        self.with_lines(person, [*lines, torn], end=b"")
        self.grow(person, 1)
        whole = lines_of(person)
        healed = json.loads(whole[len(lines) + 1])
        self.assertEqual((healed["event"], healed["torn_lines"], healed["torn_bytes"]), ("healed", 1, len(torn)))
        self.assertEqual(healed["before"], hashlib.sha256(lines[-1]).hexdigest())
        self.verify(person, 0)
        at, chance = len(lines), random.Random(5)
        for kind, line, changed in (
                ("changed", at + 1, [*whole[:at], torn[:-1] + b"!", *whole[at + 1:]]),
                ("dropped", None, [*whole[:at], *whole[at + 1:]]),
                ("inserted", None, [*whole[:at], torn, *whole[at:]]),
                ("changed", at + 1, [*whole[:at + 1], *whole[at + 2:]]),
                ("inserted", 3, [*whole[:2], b"no record", *whole[2:]]),
                ("changed", at, [*whole[:at - 1], whole[at - 1].replace(b"Z", b"z", 1), *whole[at:]])):
            with self.subTest(kind=kind, line=line, chance=chance.random()):
                self.with_lines(person, changed)
                fault = self.verify(person, 5)["fault"]
                self.assertIsNotNone(fault)
                if line is not None:
                    self.assertEqual((fault["kind"], fault["line"]), (kind, line), fault)
        self.with_lines(person, whole)
        self.verify(person, 0)

    def test_a_log_that_cannot_be_written_ends_the_run_before_anything_is_done(self):
        person = self.person()
        self.grow(person, 1)
        log = person.state / "audit.jsonl"
        uploads = len(list((person.folder / "target").rglob("manifest.json")))
        (person.folder / "a.bin").write_bytes(b"another")

        def refused(words, hint):
            result = person.run(None, [person.folder / "a.bin"])
            self.assertNotIn(result.code, (0, 99), result)
            self.assertIn(words, result.err)
            self.assertIn(hint, result.err)
            self.assertEqual(len(list((person.folder / "target").rglob("manifest.json"))), uploads)

        kept = log.read_bytes()
        log.write_bytes(kept + b"no record\n" * 20)
        refused("cannot write the audit log: it is damaged", "move it away: a new one is begun")
        log.rename(person.folder / "elsewhere")
        log.symlink_to(person.folder / "elsewhere")
        refused("is a link, which is not followed here", "move it away")
        log.unlink()
        log.mkdir()
        refused("is no regular file", "this user must be able to write it")
        log.rmdir()
        log.write_bytes(kept)
        log.chmod(0o600)
        with open(log, "r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            refused("another process has kept it locked", "")
        self.assert_code(person.run(None, [person.folder / "a.bin"]), 0)
        self.verify(person, 0)
