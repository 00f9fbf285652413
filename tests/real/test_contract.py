"""The S3 model and real servers answer alike, script by script (tests/contract/README.md)."""

import cases
import contract
import contract_differences
from world import ACCESS_KEY, BUCKET, REGION, SECRET_KEY

STEPS_MIN = 60


def refuses(outcome):
    return int(outcome.split()[0]) >= 400


class Contract(cases.Case):
    stories = contract.stories()

    def model(self, profile):
        program = cases.sanitized.parent / "contract_model"
        model = contract.Model(program, profile, self.at("127.0.0.1:1"))
        self.addCleanup(lambda: self.assertEqual(model.close(), 0, "the model ended badly"))
        return model

    def at(self, host):
        return {"host": host, "bucket": BUCKET, "region": REGION, "access": ACCESS_KEY, "secret": SECRET_KEY}

    def plays(self, server):
        """Each story, to the real server and to the model; what differs must be what is listed."""
        at, model, occurred = self.at(f"127.0.0.1:{server.port}"), self.model(server.name), set()
        side = contract.Server(server.name, server.port)
        for number, story in enumerate(self.stories):
            prefix = f"contract-{number}/"
            with self.subTest(story=story.title):
                real = list(contract.play(story, side, at, prefix))
                modelled = list(contract.play(story, model, at, prefix))
                wrong = []
                for (step, answer), (_, ours) in zip(real, modelled):
                    if answer.outcome() != step.expects(server.name):
                        wrong.append(f"{step}\n    {server.name} answered {answer.outcome()}")
                    wrong += self.compare(server.name, step, answer.facts(), ours.facts(), occurred)
                self.assertEqual(wrong, [], "\n".join(wrong))
        listed = {(*row[:3], fact) for row in contract_differences.DIFFERENCES if row[0] == server.name
                  for fact in row[3]}
        self.assertEqual(listed - occurred, set(), "differences that are listed and do not occur")

    def compare(self, name, step, real, ours, occurred):
        """What is wrong; a row that explains a difference is added to ${occurred}."""
        wrong = []
        for fact in sorted(set(real) | set(ours)):
            if real.get(fact) == ours.get(fact):
                continue
            rows = [row for row in contract_differences.find(name, step) if fact in row[3]]
            occurred.update((*row[:3], fact) for row in rows)
            if not rows:
                wrong.append(f"{step}\n    {fact}: {name} {real.get(fact)!r}, the model {ours.get(fact)!r}")
        return wrong

    def test_the_model_answers_as_minio_does(self):
        self.plays(self.have(cases.world.minio, False))

    def test_the_model_answers_as_versitygw_does(self):
        self.plays(self.have(cases.world.versitygw, False))

    def test_the_strict_model_answers_as_the_scripts_say(self):
        model, at = self.model("strict"), self.at("127.0.0.1:1")
        for number, story in enumerate(self.stories):
            with self.subTest(story=story.title):
                wrong = [f"{step}\n    answered {answer.outcome()}"
                         for step, answer in contract.play(story, model, at, f"contract-{number}/")
                         if answer.outcome() != step.expects("strict")]
                self.assertEqual(wrong, [], "\n".join(wrong))

    def test_the_strict_model_refuses_what_both_servers_refuse(self):
        steps = [step for story in self.stories for step in story.steps]
        self.assertGreater(len(steps), STEPS_MIN)
        soft = [str(step) for step in steps if all(refuses(step.expects(name)) for name in contract.SERVERS)
                and not refuses(step.expects("strict"))]
        self.assertEqual(soft, [], "\n".join(soft))
