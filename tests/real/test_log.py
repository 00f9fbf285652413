"""The disk is full for the log alone: what cannot be recorded is not committed, and nothing is believed that is not so."""

import hashlib
import json
import os

import cases
import data
import sync

# The log lies on a full disk of its own, bound over the one in the state folder ("$0"), which stays as it was.
FULL = ('mkdir "$0/full" && mount -t tmpfs -o size=64k tmpfs "$0/full" && cp "$0/audit.jsonl" "$0/full/log" && '
        '{ head -c 64k /dev/zero >"$0/full/filler" 2>/dev/null; mount --bind "$0/full/log" "$0/audit.jsonl"; } && "$@"; '
        'code=$?; cp "$0/full/log" "$0/full-log"; exit $code')
PAGE, RECORD_MIN = os.sysconf("SC_PAGESIZE"), 400
RUNS_MAX = 60


class FullLog(cases.Case):
    def chain(self, path):
        """Events of the log, each of whose records has the digest of the line before."""
        events, before = [], "0" * 64
        for line in path.read_bytes().splitlines():
            record = json.loads(line)
            self.assertEqual(record["prev"], before)
            before = hashlib.sha256(line).hexdigest()
            events.append(record["event"])
        return events

    def grow(self, source):
        with open(source, "ab") as more:
            more.write(b"more")

    def fill_page(self, person, source):
        """The last page of a file has room on a full disk: until the next record does not fit into it."""
        for _ in range(RUNS_MAX):
            if PAGE - (person.state / "audit.jsonl").stat().st_size % PAGE < RECORD_MIN:
                return
            self.grow(source)
            self.assert_stored(person.run(None, [source]), "cloud")
        self.fail("the log never comes near the end of a page")

    def test_disk_full_at_log(self):
        self.need_mounts("a full disk for one file")
        server = self.have(cases.world.versitygw)
        person = self.person()
        source = person.source("a.bin", data.random_bytes, 6 * data.MIB)
        text = sync.policy({"cloud": sync.s3(server, prefix="log")}, compress="'none'")
        self.assert_stored(person.run(text, [source]), "cloud")
        self.fill_page(person, source)
        first = self.chain(person.state / "audit.jsonl")
        manifests = [key for key in server.objects("log/") if key.endswith("manifest.json")]
        self.grow(source)
        result = person.run(None, [source], before=["/usr/bin/unshare", "-m", "/bin/sh", "-c", FULL, str(person.state)])
        self.assert_code(result, 1)
        self.assertEqual((result.report["outcome"], result.report["error"]["failure"]), ("queued", "no_space"), result)
        self.assertEqual(len(person.queue()), 1)
        self.assertEqual([key for key in server.objects("log/") if key.endswith("manifest.json")], manifests)
        # What was on the full disk is whole records too.
        self.chain(person.state / "full-log")
        result = person.run(None, [source])
        self.assert_stored(result, "cloud")
        self.assertEqual(person.queue(), [])
        key = f"log/{result.report['files'][0]['key']}"
        self.assertEqual(data.sha256_of(server.get(key)["Body"]), data.sha256(source))
        self.assertEqual(self.chain(person.state / "audit.jsonl")[:len(first)], first)
