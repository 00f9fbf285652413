"""Bad input: each one clear line, the right exit code, and nothing lost."""

import os
import stat

import cases
import data
import faults
import sync

GOOD = {"folder": "akosha.dir { path = '/nowhere' }"}
WITHOUT_ROOTS_POWERS = ["/usr/bin/setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
LOAD_SECONDS_MAX = 10


class BadInput(cases.Case):
    def one_line(self, result, code, *words):
        """One line that begins with our name, at most one hint; then perhaps where the work is kept, or a Lua traceback."""
        self.assert_code(result, code)
        lines = result.err.splitlines()
        said = [line for line in lines if line.startswith("akosha-sync: ")]
        hints = [line for line in lines if line.startswith("hint: ")]
        rest = [line for line in lines if line not in said + hints and not line.startswith("kept in the queue as job ")]
        self.assertEqual(len(said), 1, result)
        self.assertLessEqual(len(hints), 1, result)
        if rest:
            self.assertEqual((code, rest[0]), (3, "stack traceback:"), result)
        for word in words:
            self.assertIn(word, said[0] + "".join(hints), result)

    def people(self, person, *arguments, **options):
        """A run as a person sees it."""
        return person.ask("run", "--policy", person.policy, "--state", person.state, *arguments, **options)


class BadPolicy(BadInput):
    def refused(self, text, *words, code=3):
        person = self.person()
        source = person.source("kept.bin", data.half_compressible, 1000)
        if isinstance(text, str):
            text = text.encode()
        person.policy.write_bytes(text)
        result = self.people(person, source)
        self.one_line(result, code, *words)
        self.assertLess(result.wall_s, LOAD_SECONDS_MAX)
        self.assertTrue(source.exists())
        checked = person.ask("check", "--policy", person.policy)
        if code == 3:
            self.one_line(checked, code, *words)

    def wrong(self, *words, targets=None, **fields):
        self.refused(sync.policy(targets or GOOD, **fields), *words)

    def test_no_such_policy(self):
        person = self.person()
        result = person.ask("run", "--policy", person.folder / "absent.lua", "--state", person.state)
        self.one_line(result, 3, "absent.lua")

    def test_directory(self):
        person = self.person()
        result = person.ask("run", "--policy", person.folder, "--state", person.state)
        self.one_line(result, 3, str(person.folder))

    def test_bytecode(self):
        self.refused(b"\x1bLua\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08", "policy.lua")

    def test_syntax_error(self):
        self.refused("local akosha = require 'akosha'\nreturn akosha.policy {\n  api = = 1\n}\n", "policy.lua:3")

    def test_runtime_error_at_load(self):
        self.refused("local akosha = require 'akosha'\nlocal x = nil\nreturn x.y\n", "policy.lua:3")

    def test_endless_loop_at_load(self):
        self.refused("while true do end\n", "policy.lua")

    def test_endless_loop_in_pcall_at_load(self):
        self.refused("while true do pcall(function() while true do end end) end\n", "policy.lua")

    def test_memory_without_end_at_load(self):
        self.refused("local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end\n", "policy.lua")

    def test_no_policy_returned(self):
        self.refused("return 1\n", "policy.lua")

    def test_unknown_field_names_the_nearest(self):
        self.wrong("compres", "compress", compres="'zstd'")

    def test_unknown_field_of_a_target_names_the_nearest(self):
        self.wrong("regoin", "region", targets={"cloud": sync.builder("s3", bucket="bucket", regoin="eu-west-1")})

    def test_wrong_type(self):
        self.wrong("part_size", part_size="'many'")

    def test_target_twice_in_the_route(self):
        self.wrong("folder", "route", route="{ 'folder', 'folder' }")

    def test_route_to_an_unknown_target(self):
        self.wrong("clod", "route", route="{ 'clod' }")

    def test_plain_http_to_a_foreign_host(self):
        for target in (sync.s3_at("http://s3.example.com"), sync.http(url="http://example.com/upload")):
            with self.subTest(target=target):
                self.wrong("http://", "plain http", targets={"far": target})

    def test_bad_bucket_name(self):
        for bucket in ("A_Bucket", "x", "a..b", "bucket/with/slash", "-bucket"):
            with self.subTest(bucket=bucket):
                self.wrong("bucket", bucket, targets={"cloud": sync.builder("s3", bucket=bucket)})

    def test_bad_endpoint(self):
        for endpoint in ("not a url", "ftp://example.com", "https://", "https://host:99999", "https://u:p@host",
                         "https://host/?q=1"):
            with self.subTest(endpoint=endpoint):
                self.wrong("endpoint", targets={"cloud": sync.builder("s3", bucket="bucket", endpoint=endpoint)})

    def test_no_bucket(self):
        self.wrong("bucket", targets={"cloud": "akosha.s3 { region = 'auto' }"})
        self.wrong("bucket", targets={"cloud": "akosha.s3 { bucket = akosha.env 'AKOSHA_CLOUD_BUCKET' }"})


class BadSource(BadInput):
    def cannot_be_read(self, source, *words, code=4, before=()):
        """${source}(person) makes it. A second, good source is stored all the same."""
        person = self.person()
        good = person.source("good.bin", data.half_compressible, 1000)
        target = person.folder / "target"
        person.policy.write_text(sync.policy({"folder": sync.builder("dir", path=target)}))
        bad = source(person.folder)
        result = self.people(person, bad, good, before=before)
        self.one_line(result, code, bad.name, *words)
        self.assertEqual(len(person.queue()), 1, result)
        self.assertEqual(len(list(target.rglob("good.bin*"))), 1, result)
        self.assertEqual(list(target.rglob(f"{bad.name}*")), [])

    def test_a_job_that_is_taken_up_says_why_it_failed(self):
        person = self.person()
        good = person.source("good.bin", data.half_compressible, 1000)
        person.policy.write_text(sync.policy({"folder": sync.builder("dir", path=person.folder / "target")}))
        self.people(person, person.folder / "absent.db")
        [job] = person.queue()
        result = self.people(person, good)
        self.assertRegex(result.out, rf"(?m)^failed +job {job.removesuffix('.json')}: source .*/absent.db: no such file$")

    def test_missing(self):
        self.cannot_be_read(lambda folder: folder / "absent.db")

    def test_unreadable(self):
        def make(folder):
            path = data.half_compressible(folder / "secret.db", 1000)
            path.chmod(0)
            return path
        self.cannot_be_read(make, before=WITHOUT_ROOTS_POWERS if os.geteuid() == 0 else ())

    def test_a_folder_that_a_glob_cannot_list(self):
        person = self.person()
        (person.folder / "locked").mkdir(mode=0)
        self.addCleanup((person.folder / "locked").chmod, 0o700)
        person.policy.write_text('local akosha = require "akosha"\nreturn akosha.policy { api = 1, '
                                 'sources = { "locked/*.db" }, targets = { disk = akosha.dir { path = "disk" } } }\n')
        for command in ("run", "explain"):
            result = person.ask(command, "--policy", person.policy, environment={},
                                before=WITHOUT_ROOTS_POWERS if os.geteuid() == 0 else ())
            self.one_line(result, 4, "locked/*.db", "cannot list", "Permission denied")

    def test_directory(self):
        def make(folder):
            (folder / "folder.db").mkdir()
            return folder / "folder.db"
        self.cannot_be_read(make)

    def test_fifo(self):
        def make(folder):
            os.mkfifo(folder / "pipe.db")
            return folder / "pipe.db"
        self.cannot_be_read(make)

    def test_symlink_loop(self):
        def make(folder):
            (folder / "loop.db").symlink_to("loop.db")
            return folder / "loop.db"
        self.cannot_be_read(make)

    def test_database_with_a_log_that_says_nothing_is_stored_with_it(self):
        person = self.person()
        source = person.source("memory.db", lambda path, size: path.write_bytes((data.DATABASES / "memory.db").read_bytes()), 0)
        log = source.with_name("memory.db-wal")
        log.write_bytes(bytes(4152))
        target = person.folder / "target"
        result = person.run(sync.policy({"folder": sync.builder("dir", path=target)}), [source])
        self.assert_stored(result)
        self.assertEqual(result.files()["memory.db"]["wal"]["bytes"], 4152)
        self.assertEqual(log.read_bytes(), bytes(4152))

    def changes(self, change, **rule):
        """A run of a source that ${change}(path) changes while an object is on the way."""
        server = self.have(cases.world.versitygw)
        person = self.person()
        source = person.source("moving.bin", data.half_compressible, 16 * data.MIB)

        def changing(exchange):
            change(source)
            exchange.forward()
        prefix = f"moving-{person.folder.name}"
        with faults.Proxy(server.port) as proxy:
            proxy.on(lambda r: r.is_object(), changing, **rule)
            text = sync.policy({"cloud": sync.s3(server, port=proxy.port, prefix=prefix)}, compress="'none'")
            result = person.run(text, [source])
        self.assertTrue(result.decided("source_changed"), result)
        self.assertEqual(server.open_uploads(prefix), [])
        return server, person, source, prefix, result

    def test_shrinking_is_read_again(self):
        server, person, source, prefix, result = self.changes(lambda path: os.truncate(path, 1000))
        self.assert_stored(result)
        self.assertEqual(person.queue(), [])
        key = result.files()["moving.bin"]["key"]
        self.assertEqual(data.sha256_of(server.get(f"{prefix}/{key}")["Body"], key), data.sha256(source))

    def test_growing_without_end_is_copied_and_stored(self):
        def grow(path):
            with open(path, "ab") as file:
                file.write(b"more")
        server, person, _, prefix, result = self.changes(grow, times=1000)
        self.assert_stored(result)
        self.assertEqual(person.queue(), [])
        stored = result.files()["moving.bin"]
        whole = server.get(f"{prefix}/{stored['key']}")["Body"].read()
        # It grew by four bytes at a time while it was sent: what is stored is one moment's.
        self.assertEqual((len(whole), len(whole) % 4), (stored["bytes"], 0))
        self.assertEqual(whole[16 * data.MIB:], b"more" * ((len(whole) - 16 * data.MIB) // 4))


class BadState(BadInput):
    def not_kept(self, prepare, before):
        person = self.person()
        source = person.source("kept.bin", data.half_compressible, 1000)
        person.policy.write_text(sync.policy({"cloud": sync.s3_at("http://127.0.0.1:9")}))
        prepare(person.state)
        result = self.people(person, source, before=before(person.state))
        self.one_line(result, 7)
        return result

    def test_read_only(self):
        def prepare(state):
            state.mkdir()
            state.chmod(stat.S_IRUSR | stat.S_IXUSR)
        self.not_kept(prepare, lambda _: WITHOUT_ROOTS_POWERS if os.geteuid() == 0 else ())

    def test_full(self):
        self.need_mounts("a full disk")
        mount = 'mount -t tmpfs -o size=16k tmpfs "$0" && head -c 16k /dev/zero >"$0/filler"; exec "$@"'
        self.not_kept(lambda state: state.mkdir(),
                      lambda state: ["/usr/bin/unshare", "-m", "/bin/sh", "-c", mount, str(state)])

    def test_a_file_in_its_place(self):
        self.not_kept(lambda state: state.write_text("not a folder"), lambda _: ())


class BadUse(BadInput):
    def test_unknown_flag(self):
        person = self.person()
        self.one_line(person.ask("run", "--polcy", "x"), 2, "--polcy")

    def test_unknown_command(self):
        person = self.person()
        source = person.folder / "no-such-thing"
        self.assertNotEqual(person.ask(source).code, 0)

    def test_flag_without_its_value(self):
        self.one_line(self.person().ask("run", "--policy"), 2, "--policy")

    def test_no_credentials(self):
        server = self.have(cases.world.versitygw)
        person = self.person()
        source = person.source("kept.bin", data.half_compressible, 1000)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del person.environment[name]
        person.policy.write_text(sync.policy({"cloud": sync.s3(server)}))
        self.one_line(self.people(person, source), 6, "credentials")
        self.assertEqual(len(person.queue()), 1)

    def with_stdout(self, redirection):
        person = self.person()
        source = person.source("kept.bin", data.half_compressible, 1000)
        target = person.folder / "target"
        person.policy.write_text(sync.policy({"folder": sync.builder("dir", path=target)}))
        shell = ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh"]
        result = person.ask("run", "--json", "--policy", person.policy, "--state", person.state, source, before=shell)
        self.one_line(result, 2, "standard output")
        return len(list(target.rglob("kept.bin*")))

    def test_stdout_closed_is_told_before_anything_is_done(self):
        self.assertEqual(self.with_stdout(">&-"), 0)

    def test_stdout_full_is_told_after_delivery(self):
        self.assertEqual(self.with_stdout(">/dev/full"), 1)
