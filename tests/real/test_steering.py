"""Policies that steer by themselves: what each step gives, says when it makes no sense, and leaves behind when it fails."""

import contextlib
import json
import sqlite3

import data
import faults
import steering
import sync


class Kept(steering.Case):
    """What a policy keeps from run to run, and its records: nothing of it needs a server."""

    def setUp(self):
        self.someone = self.person()
        self.source = self.someone.source("notes.txt", data.random_bytes, 1000)
        self.targets = {"here": sync.builder("dir", path=str(self.someone.folder / "disk"))}

    def told(self, body, code=1, more=(), **fields):
        return self.steer(self.someone, body, self.targets, [self.source], code, more, **fields)

    def test_values_come_back_as_they_were(self):
        self.told("""
            ctx.state.text = 'gr\\u{fc}n \\u{1f331}'
            ctx.state.whole = math.maxinteger
            ctx.state.part = 0.1
            ctx.state.yes = true
            ctx.state.no = false
            ctx.state['a.b-c_1'] = ''
            ctx.state.gone = 1
            ctx.state.gone = nil""")
        self.assertEqual(self.told("""
            for name, value in pairs(ctx.state) do tell('kept', name, value) end
            tell('missing', ctx.state.gone, ctx.state.never)
            ctx.state.whole = ctx.state.whole - 1
            ctx.state.text = nil"""),
                         [("kept", "a.b-c_1", ""), ("kept", "no", False), ("kept", "part", 0.1),
                          ("kept", "text", "grün 🌱"), ("kept", "whole", 2**63 - 1), ("kept", "yes", True),
                          ("missing", "nil", "nil")])
        self.assertEqual(self.told("tell('then', ctx.state.whole, ctx.state.text)"), [("then", 2**63 - 2, "nil")])

    def test_no_other_policy_finds_it_and_looking_on_changes_nothing(self):
        self.told("ctx.state.mine = 1")
        self.assertEqual(self.told("ctx.state.mine = 2; tell('dry')", code=0, more=("--dry-run",)), [])
        self.assertEqual(self.told("tell('mine', ctx.state.mine)"), [("mine", 1)])
        self.someone.policy = self.someone.folder / "other.lua"
        self.assertEqual(self.told("tell('mine', ctx.state.mine)"), [("mine", "nil")])

    def test_what_cannot_be_kept_is_refused_and_keeps_what_was_there(self):
        told = self.told("""
            local function put(name, value) return failed(function() ctx.state[name] = value end) end
            ctx.state.text = 'before'
            tell('name', put('', 1), put(('x'):rep(65), 1), put('a b', 1), put(7, 1), put('a\\0', 1))
            tell('value', put('text', {}), put('text', print), put('text', 0/0), put('text', 1/0))
            tell('text', put('text', ('x'):rep(1025)), put('text', 'a\\0b'), put('text', '\\xff'))
            tell('read', failed(function() return ctx.state[1] end), failed(function() return ctx.state['no name'] end))
            for i = 1, 63 do ctx.state['n' .. i] = i end
            tell('many', put('one-too-many', 1), put('n63', 'another'))
            ctx.state.n1 = nil
            tell('room', put('one-too-many', 1), ctx.state.text, ctx.state.n63)""")
        names = "ctx.state: expected a name of 1 to 64 letters, digits, '_', '-' and '.', got "
        values = "ctx.state: expected a text, a finite number or a boolean, got "
        text = "ctx.state: expected text of at most 1024 bytes without zeros"
        by = dict((one[0], one[1:]) for one in told)
        for message in by["name"] + by["read"]:
            self.assertTrue(message.startswith(names), message)
        for message in by["value"]:
            self.assertTrue(message.startswith(values), message)
        self.assertEqual(by["text"], (text, text, "ctx.state: the text is not UTF-8"))
        self.assertEqual(by["many"], ("ctx.state: more than 64 keys", "no error"))
        self.assertEqual(by["room"], ("no error", "before", "another"))

    def test_state_that_cannot_be_read_is_as_good_as_lost(self):
        self.told("ctx.state.count = 1")
        with contextlib.closing(sqlite3.connect(self.someone.state / "state.db")) as database:
            changed = database.execute("UPDATE facts SET value = '[1' WHERE fact = 'task_state'").rowcount
            database.commit()
        self.assertEqual(changed, 1)
        self.assertEqual(self.told("tell('count', ctx.state.count); ctx.state.count = 2"), [("count", "nil")])
        self.assertEqual(self.told("tell('count', ctx.state.count)"), [("count", 2)])

    def test_records_are_bounded_and_stand_in_the_log(self):
        told = self.told("""
            ctx:audit 'a word'
            ctx:audit { text = 'two', number = 1.5, yes = true }
            local many = {}
            for i = 1, 17 do many['n' .. i] = i end
            local function audit(what) return failed(ctx.audit, ctx, what) end
            tell('refused', audit(many), audit(7), audit({ 'list' }), audit({ ['a b'] = 1 }), audit({ a = {} }),
                 audit(setmetatable({}, {})), audit(('x'):rep(1025)))""")
        self.assertEqual(told[0][0], "refused")
        words = ("more than 16 fields", "expected a text, or a table of texts, numbers and booleans, got number 7",
                 "expected names of 1 to 64",
                 "expected names of 1 to 64", "expected a text, a finite number or a boolean, got a table",
                 "expected a text, or a table",
                 "expected text of at most 1024 bytes without zeros")
        for message, word in zip(told[0][1:], words, strict=True):
            self.assertIn(f"ctx:audit: {word}", message)
        records = [json.loads(line)["said"] for line in (self.someone.state / "audit.jsonl").read_text().splitlines()
                   if '"event":"policy"' in line]
        self.assertEqual(records[:2], [{"text": "a word"}, {"text": "two", "number": 1.5, "yes": True}])
        self.assert_code(self.someone.ask("audit", "verify", "--state", self.someone.state), 0)


class Steps(steering.Case):
    """Each step with a folder as the target."""

    def setUp(self):
        self.someone = self.person()
        self.disk = self.someone.folder / "disk"
        self.source = self.someone.source("notes.txt", data.half_compressible, 300_000)
        self.targets = {"here": sync.builder("dir", path=str(self.disk))}

    def told(self, body, code=0, sources=None, more=(), **fields):
        return self.steer(self.someone, body, self.targets, sources or [self.source], code, more, **fields)

    def test_a_handle_tells_what_it_is_about(self):
        told = self.told("""
            local source = ctx:sources()[1]
            local snapshot = ctx:snapshot(source)
            tell('snapshot', snapshot.name, snapshot.size, snapshot.sha256, snapshot.wal)
            tell('digest', ctx:checksum(snapshot), ctx:checksum(snapshot) == snapshot.sha256)
            local content = ctx:compress(snapshot, { codec = 'gzip', level = 6, always = true })
            tell('content', content.name, content.size, content.codec, content.level, content.ratio)
            local sampled = ctx:compress(snapshot, 'zstd')
            tell('sampled', sampled.codec, sampled.level, sampled.ratio > 1.2)
            local upload = ctx:open('here', content)
            tell('open', upload.name, upload.target, upload.state, upload.size, upload.sent, upload.sha256, upload.codec,
                 upload.stored_size, upload.stored_sha256)
            assert(ctx:send(upload) == upload)
            tell('sent', upload.state, upload.sent, upload.sha256, upload.codec, upload.stored_size < upload.size,
                 upload.stored_sha256)
            ctx:finish(upload)
            tell('finished', upload.state, upload.sent)
            tell('id', ctx:commit 'here')
            tell('held', ctx:held('notes.txt', 'here'), ctx:held(source, 'here'))""")
        digest, stored = data.sha256(self.source), next(self.disk.rglob("notes.txt.gz"))
        self.assertEqual(told, [
            ("snapshot", "notes.txt", 300_000, "nil", "nil"), ("digest", digest, True),
            ("content", "notes.txt", 300_000, "gzip", 6, "nil"), ("sampled", "zstd", "nil", True),
            ("open", "notes.txt", "here", "open", 300_000, 0, "nil", "nil", "nil", "nil"),
            ("sent", "sent", 300_000, digest, "gzip", True, data.sha256(stored)), ("finished", "finished", 300_000),
            ("id", self.result.report["upload_id"]), ("held", True, True)])
        self.assert_stored(self.result, "here")

    def test_a_database_goes_with_its_log(self):
        live = next(path for path in data.live_databases(self.someone.folder) if path.name == "reflection.duckdb")
        log = live.with_name("reflection.duckdb.wal")
        told = self.told("""
            local snapshot = assert(ctx:snapshot 'reflection.duckdb')
            tell('log', snapshot.wal.size, snapshot.wal.sha256)
            local upload <close> = assert(ctx:open('here', snapshot))
            assert(ctx:send(upload))
            assert(ctx:finish(upload))
            tell('sent', upload.size, upload.sha256)
            assert(ctx:commit 'here')""", sources=[live], compress="'none'")
        self.assertEqual(told[0][:2], ("log", log.stat().st_size))
        self.assertIn(told[0][2], ("nil", data.sha256(log)))
        self.assertEqual(told[1], ("sent", live.stat().st_size, data.sha256(live)))
        for path in (live, log):
            self.assertEqual(data.sha256(next(self.disk.rglob(path.name))), data.sha256(path))

    def test_what_makes_no_sense_is_an_error_that_says_so(self):
        told = self.told("""
            local source = ctx:sources()[1]
            local snapshot = ctx:snapshot(source)
            local content = ctx:compress(snapshot, 'none')
            local function field(handle, name) return failed(function() return handle[name] end) end
            tell('source', failed(ctx.snapshot, ctx, 'note.txt'), failed(ctx.snapshot, ctx), failed(ctx.held, ctx, {}, 'here'))
            tell('target', failed(ctx.probe, ctx, 'heer'), failed(ctx.probe, ctx, 'quite-else'), failed(ctx.probe, ctx, 7),
                 failed(ctx.commit, ctx))
            tell('handle', failed(ctx.checksum, ctx, content), failed(ctx.compress, ctx, source, 'zstd'),
                 failed(ctx.compress, ctx, snapshot, 7), failed(ctx.compress, ctx, snapshot, 'zip'),
                 failed(ctx.open, ctx, 'here', source), failed(ctx.send, ctx, snapshot))
            tell('field', field(snapshot, 'sise'), field(content, 'codek'), field(snapshot, 'qqqqqq'))
            local upload = ctx:open('here', content)
            tell('early', failed(ctx.finish, ctx, upload), field(upload, 'staet'))
            ctx:send(upload)
            tell('twice', failed(ctx.send, ctx, upload))
            ctx:finish(upload)
            tell('late', failed(ctx.send, ctx, upload), failed(ctx.abort, ctx, upload))
            tell('write', failed(function() upload.state = 'open' end), failed(function() ctx.sources = 1 end),
                 failed(function() source.size = 1 end))
            tell('time', failed(ctx.sleep, ctx, -1), failed(ctx.sleep, ctx, 86401), failed(ctx.sleep, ctx, 'x'))
            tell('skip', failed(ctx.skip, ctx, source), failed(ctx.skip, ctx, 'else', 'why'))
            tell('load', failed(akosha.s3, { bucket = 'abc' }), failed(require, 'akosha.nothing'))
            assert(ctx:commit 'here')
            local other = ctx:open('here', ctx:snapshot(source))
            ctx:abort(other)
            tell('over', other.state, failed(ctx.send, ctx, other), failed(ctx.abort, ctx, other))
            tell('none', ctx:commit 'here')""")
        expected = {
            "source": ("one of ctx:sources(), or its name, got string \"note.txt\"", "ctx:snapshot: expected a source",
                       "ctx:held: expected a source"),
            "target": ('ctx:probe: no target is called "heer"; did you mean "here"?', 'no target is called "quite-else"',
                       "ctx:probe: expected a target's name, got number 7", "ctx:commit: expected a target's name"),
            "handle": ("ctx:checksum: expected a snapshot",
                       "ctx:compress: expected a snapshot", 'ctx:compress: expected "none"',
                       'ctx:compress', "ctx:open: expected a snapshot, or what ctx:compress made of one",
                       "ctx:send: expected an upload"),
            "field": ('a snapshot has no sise; did you mean "size"?', 'a content has no codek; did you mean "codec"?',
                      "a snapshot has no qqqqqq"),
            "early": ("ctx:finish: this upload is not sent yet", 'an upload has no staet; did you mean "state"?'),
            "twice": ("ctx:send: this upload is sent",),
            "late": ("ctx:send: this upload is finished", "ctx:abort: this upload is finished"),
            "write": ("", "cannot be written to (field ", "cannot be written to (field "),
            "time": ("ctx:sleep: ", "ctx:sleep: ", "ctx:sleep: "),
            "skip": ("ctx:skip: expected a reason", "ctx:skip: expected a source"),
            "load": ("akosha.s3: only while the policy is loaded; this is ", "akosha.nothing"),
            "over": ("aborted", "ctx:send: this upload is aborted", "ctx:abort: this upload is aborted"),
        }
        for one in told[:-1]:
            self.assertEqual(len(expected[one[0]]), len(one) - 1, one)
            for word, message in zip(expected[one[0]], one[1:]):
                self.assertIn(word, message)
                self.assertNotEqual(message, "no error", one)
        self.assertEqual([one[0] for one in told[:-1]], list(expected))
        self.assert_stored(self.result)

    def test_coroutines_work_side_by_side_and_wait_for_each_other(self):
        told = self.told("""
            local order = {}
            local function one(name, seconds)
              ctx:sleep(seconds)
              order[#order + 1] = name
              return name, nil, seconds
            end
            local slow, quick = ctx:spawn(one, 'slow', 0.2), ctx:spawn(one, 'quick', 0)
            tell('slow', ctx:join(slow))
            tell('quick', select('#', ctx:join(quick)), ctx:join(quick))
            tell('order', table.concat(order, ' '))
            local bad = ctx:spawn(function() ctx:sleep(0); error({ code = 7 }) end)
            local ok, why = pcall(ctx.join, ctx, bad)
            tell('error', ok, why.code)
            local own = coroutine.wrap(function() return failed(ctx.sleep, ctx, 0) end)
            tell('own', own())
            tell('sort', failed(table.sort, { 2, 1, 3 }, function(a, b) ctx:sleep(0); return a < b end))
            tell('gsub', failed(string.gsub, 'abc', '.', function() ctx:sleep(0) end))
            tell('pcall', pcall(function() return ctx:sleep(0) end))
            local it = setmetatable({}, { __index = function(_, key) ctx:sleep(0); return key * 2 end })
            tell('meta', it[21])
            local me
            me = ctx:spawn(function() return failed(ctx.join, ctx, me) end)
            tell('self', ctx:join(me))
            local closing = ctx:spawn(function()
              local last <close> = setmetatable({}, { __close = function() error 'while closing' end })
              error 'first'
            end)
            tell('closing', failed(ctx.join, ctx, closing))
            tell('wrong', failed(ctx.spawn, ctx, 'name'), failed(ctx.join, ctx, 7))
            local yielded = ctx:spawn(coroutine.yield)
            tell('yield', failed(ctx.join, ctx, yielded))
            ctx:skip('notes.txt', 'not today')""")
        self.assertEqual(told[:3], [("slow", "slow", "nil", 0.2), ("quick", 3, "quick", "nil", 0), ("order", "quick slow")])
        said = dict((one[0], one[1:]) for one in told[3:])
        self.assertEqual((said["error"], said["pcall"], said["meta"]), ((False, 7), (True, True), (42,)))
        self.assertIn("this is a coroutine of the policy's own", said["own"][0])
        for name in ("sort", "gsub"):
            self.assertIn("ctx:sleep: it waits, and nothing may wait here", said[name][0])
        self.assertIn("ctx:join: a coroutine cannot wait for itself", said["self"][0])
        self.assertEqual(said["closing"], ("while closing",))
        self.assertIn("ctx:spawn: expected a function", said["wrong"][0])
        self.assertIn("ctx:join: expected what ctx:spawn returned", said["wrong"][1])
        self.assertIn("coroutine.yield: nobody resumes a task but the engine", said["yield"][0])
        self.assertEqual(self.result.files()["notes.txt"]["outcome"], "skipped")

    def test_a_task_that_cannot_go_on_ends_and_owes_its_sources(self):
        for body, word in (("""
            local a, b
            a = ctx:spawn(function() ctx:sleep(0); ctx:join(b) end)
            b = ctx:spawn(function() ctx:sleep(0); ctx:join(a) end)""", "every coroutine waits for another one"),
                           ("ctx:spawn(function() local nothing; return nothing.field end)", "attempt to index a nil value"),
                           ("ctx:spawn(function() while true do end end); ctx:sleep(5)", "instructions"),
                           ("for i = 1, 1001 do ctx:spawn(function() ctx:sleep(1) end) end",
                           "more than 1000 coroutines at once"),
                           ("local u <close> = setmetatable({}, { __close = function() error 'closing' end }); error 'first'", "first"),
                           ("error()", "nil"),
                           ("error(setmetatable({}, { __tostring = function() return 'my own' end }))", "my own")):
            with self.subTest(word=word):
                self.told(body, code=3)
                self.assertIn(word, self.result.report["error"]["message"])
                self.assertIn(word, self.result.err)
                self.assertEqual(len(self.someone.queue()), 1)
        self.assertFalse(list(self.disk.rglob("manifest.json")))

    def test_what_is_left_open_is_given_back_and_what_is_skipped_stays_out(self):
        told = self.told("""
            local snapshot = ctx:snapshot 'notes.txt'
            do
              local upload <close> = ctx:open('here', snapshot)
              ctx:send(upload)
            end
            ctx:open('here', snapshot)
            tell('none', ctx:commit 'here')
            ctx:skip('notes.txt', 'held back')
            tell('skipped', failed(ctx.open, ctx, 'here', snapshot))""")
        self.assertEqual(told, [("none", True), ("skipped", "ctx:open: notes.txt was skipped")])
        self.assertEqual(self.result.files()["notes.txt"]["reason"], "held back")
        left = [path for path in self.disk.rglob("*") if path.is_file() and path.stat().st_size]
        self.assertEqual(left, [])

    def test_what_is_missing_is_told_and_the_rest_goes_on(self):
        told = self.told("""
            local snapshot, failure = ctx:snapshot 'absent.txt'
            tell('absent', snapshot, failure.name, failure.operation, failure.source, failure.target, failure.transient)
            tell('held', ctx:held('absent.txt', 'here'))
            local upload = assert(ctx:open('here', assert(ctx:snapshot 'notes.txt')))
            assert(ctx:send(upload))
            assert(ctx:finish(upload))
            tell('id', ctx:commit 'here')""", code=4, sources=[self.source, self.someone.folder / "absent.txt"])
        self.assertEqual(told[:2], [("absent", "nil", "source_missing", "snapshot", "absent.txt", "nil", False),
                                    ("held", False)])
        self.assertEqual({name: file["outcome"] for name, file in self.result.files().items()},
                         {"notes.txt": "stored", "absent.txt": "queued"})


class Away(steering.Case):
    """Steps towards a server that fails."""

    def setUp(self):
        self.server = self.have(self.world_s3)
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.proxy = stack.enter_context(faults.Proxy(self.server.port))
        self.someone = self.person()
        self.source = self.someone.source("notes.bin", data.random_bytes, 6 << 20)

    @staticmethod
    def world_s3():
        return steering.cases.world.s3("versitygw")

    def told(self, prefix, body, code=0, **fields):
        targets = {"cloud": sync.s3(self.server, port=self.proxy.port, prefix=prefix)}
        return self.steer(self.someone, body, targets, [self.source], code, **{"compress": "'none'", **fields})

    def test_a_failure_says_what_where_and_whether_to_try_again(self):
        self.proxy.on(lambda r: r.is_part(2), faults.s3_error(503, "SlowDown", {"Retry-After": "1"}), times=1)
        self.proxy.on(lambda r: r.is_part(1), faults.s3_error(403, "AccessDenied"), first=2, times=1)
        told = self.told("steer-failure", """
            tell('probe', ctx:probe 'cloud')
            tell('held', ctx:held('notes.bin', 'cloud'))
            for i = 1, 3 do
              local upload <close> = assert(ctx:open('cloud', assert(ctx:snapshot 'notes.bin')))
              local sent, failure = ctx:send(upload)
              if failure then
                tell('failure', failure.name, failure.operation, failure.source, failure.target, failure.transient,
                     failure.http_status, failure.retry_after, failure.corrected, failure.attempt)
                tell('text', tostring(failure) == failure.message, upload.state, upload.sent, failed(ctx.finish, ctx, upload))
              else
                assert(ctx:finish(upload))
              end
            end
            tell('id', assert(ctx:commit 'cloud'))""", retry="akosha.retry.none()")
        self.assertEqual([one for one in told if one[0] == "failure"], [
            ("failure", "throttled", "send", "notes.bin", "cloud", True, 503, 1, False, 1),
            ("failure", "forbidden", "send", "notes.bin", "cloud", False, 403, "nil", False, 1)])
        for one in told:
            if one[0] == "text":
                self.assertEqual(one, ("text", True, "failed", "nil", "ctx:finish: this upload is failed"))
        self.assertEqual(told[:2], [("probe", True), ("held", False)])
        self.assert_stored(self.result, "cloud")
        self.assertEqual(self.server.open_uploads("steer-failure/"), [])

    def test_an_upload_that_the_server_forgot_begins_anew(self):
        self.proxy.on(lambda r: r.is_part(2), faults.s3_error(404, "NoSuchUpload"))
        self.proxy.on(lambda r: r.method == "POST" and "uploadId" in r.query, faults.s3_error(404, "NoSuchUpload"))
        told = self.told("steer-anew", """
            local upload <close> = assert(ctx:open('cloud', assert(ctx:snapshot 'notes.bin')))
            assert(ctx:send(upload))
            assert(ctx:finish(upload))
            tell('state', upload.state, upload.sha256)
            assert(ctx:commit 'cloud')""")
        self.assertEqual(told, [("state", "finished", data.sha256(self.source))])
        self.assert_stored(self.result, "cloud")
        self.assertGreaterEqual(len(self.proxy.asked(lambda r: r.method == "POST" and "uploads" in r.query)), 3)
        self.assertEqual(self.server.open_uploads("steer-anew/"), [])

    def test_given_up_in_the_middle_leaves_nothing_on_the_server(self):
        told = self.told("steer-abort", """
            local upload = assert(ctx:open('cloud', assert(ctx:snapshot 'notes.bin')))
            local sending = ctx:spawn(ctx.send, ctx, upload)
            ctx:sleep(0.3)
            tell('doubly', failed(ctx.send, ctx, upload))
            tell('abort', ctx:abort(upload), upload.state)
            local sent, failure = ctx:join(sending)
            tell('send', sent, failure.name, failure.transient)
            tell('commit', ctx:commit 'cloud')""", code=1, throttle="4 * akosha.MiB")
        self.assertEqual(told, [("doubly", "ctx:send: this upload was sent, or is being sent"), ("abort", True, "aborted"),
                                ("send", "nil", "cancelled", False), ("commit", True)])
        self.assertEqual(self.server.open_uploads("steer-abort/"), [])
        self.assertFalse([key for key in self.server.objects("steer-abort/") if not key.endswith("/")])
        self.assertEqual(len(self.someone.queue()), 1)

    def test_a_manifest_that_does_not_arrive_can_be_tried_again(self):
        self.proxy.on(lambda r: r.method == "PUT" and r.path.endswith("/manifest.json"), faults.s3_error(500, "InternalError"),
                      times=1)
        told = self.told("steer-commit", """
            local upload <close> = assert(ctx:open('cloud', assert(ctx:snapshot 'notes.bin')))
            assert(ctx:send(upload))
            assert(ctx:finish(upload))
            local id, failure = ctx:commit 'cloud'
            tell('first', id, failure.name, failure.operation, failure.source, failure.target, failure.http_status)
            tell('held', ctx:held('notes.bin', 'cloud'))
            tell('second', assert(ctx:commit 'cloud'))
            tell('held', ctx:held('notes.bin', 'cloud'))""", retry="akosha.retry.none()")
        self.assertEqual(told[0], ("first", "nil", "server", "commit", "nil", "cloud", 500))
        self.assertEqual([told[1], told[3]], [("held", False), ("held", True)])
        self.assertEqual(told[2][1], self.result.report["upload_id"])

    def test_a_server_that_is_not_there_is_known_at_once(self):
        self.proxy.stop()
        told = self.told("steer-gone", """
            local probed, failure = ctx:probe 'cloud'
            tell('probe', probed, failure.name, failure.operation, failure.source, failure.transient)
            local upload, closed = ctx:open('cloud', assert(ctx:snapshot 'notes.bin'))
            tell('open', upload, closed.name)
            tell('commit', select(2, ctx:commit 'cloud').name)""", code=1)
        self.assertEqual(told, [("probe", "nil", "refused", "probe", "nil", True), ("open", "nil", "refused"),
                                ("commit", "refused")])

    def test_what_is_believed_for_long_is_looked_at_before_nothing_is_sent(self):
        store = """
            tell('held', ctx:held('notes.bin', 'cloud'))
            for _, target in ipairs(ctx:targets()) do
              tell('target', target.name, target.healthy, ctx:now() < 60, ctx:clock().year > 2000)
            end
            if not ctx:held('notes.bin', 'cloud') then
              local upload <close> = assert(ctx:open('cloud', assert(ctx:snapshot 'notes.bin')))
              assert(ctx:send(upload))
              assert(ctx:finish(upload))
              tell('id', assert(ctx:commit 'cloud'))
            end"""

        def long_ago():
            with contextlib.closing(sqlite3.connect(self.someone.state / "state.db")) as state:
                state.execute("UPDATE stored SET row_sum = NULL, checked_at_ms = checked_at_ms - 30 * 86400000")
                state.commit()

        prefix = f"steer-held-{self.someone.folder.name}"
        target = ("target", "cloud", True, True, True)
        _, _, first = self.told(prefix, store)

        def read():
            return self.proxy.asked(lambda r: r.method == "GET" and r.path.endswith("/manifest.json"))

        before = len(read())
        self.assertEqual(self.told(prefix, store), [("held", True), target])
        self.assertEqual(len(read()), before)
        long_ago()
        self.assertEqual(self.told(prefix, store), [("held", True), target])
        self.assertEqual(len(read()), before + 1)
        # Somebody has emptied the bucket meanwhile.
        long_ago()
        client = self.server.client()
        for key in self.server.objects(prefix):
            client.delete_object(Bucket=sync.BUCKET, Key=key)
        told = self.told(prefix, store)
        self.assertEqual([told[0][:2], told[1]], [("held", False), target])
        self.assertNotEqual(told[2], first)
        self.assert_stored(self.result, "cloud")
        # One that cannot be asked is no proof of anything.
        long_ago()
        self.proxy.on(lambda r: r.method == "GET", faults.s3_error(403, "AccessDenied"), times=1000)
        told = self.told(prefix, """
            local held, failure = ctx:held('notes.bin', 'cloud')
            tell('held', held, failure and failure.name)""", code=1)
        self.assertEqual(told, [("held", "nil", "forbidden")])
