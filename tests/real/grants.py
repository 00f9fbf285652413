"""Decides requests by documents of AWS's policy language, as its evaluation logic says: what a Deny names is denied, else what an
Allow names is allowed, else nothing is. For the parts that `akosha-sync bucket-policy` writes; what it does not know raises.

Rules: docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html and reference_policies_elements_condition.html
"""

import fnmatch
import re

STATEMENT = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


def listed(value):
    return value if isinstance(value, list) else [value]


def like(pattern, value):
    """'*' and '?' as policies have them, and nothing else that a shell would know."""
    assert "$" not in pattern, pattern
    return re.fullmatch(fnmatch.translate(re.sub(r"([\[\]])", r"[\1]", pattern)), value) is not None


# operator: (how one value is compared, does it hold where the request has no such key?)
OPERATORS = {
    "Bool": (lambda wanted, value: wanted.lower() == value.lower(), False),
    "StringEquals": (lambda wanted, value: wanted == value, False),
    "StringLike": (like, False),
    "StringNotLike": (lambda wanted, value: not like(wanted, value), True),
    "NumericLessThan": (lambda wanted, value: float(value) < float(wanted), False),
}


def holds(conditions, context):
    """Every operator and key has to; of several values of a key one is enough, and for a negated operator all."""
    for operator, keys in conditions.items():
        compare, without = OPERATORS[operator]
        for key, wanted in keys.items():
            value = {name.lower(): v for name, v in context.items()}.get(key.lower())
            if value is None:
                if not without:
                    return False
                continue
            some = all if without else any
            if not some(compare(one, value) for one in listed(wanted)):
                return False
    return True


def names(statement, principal):
    """Is it about ${principal}? A statement without one is of the identity that it is attached to."""
    about = statement.get("Principal")
    if about is None or about == "*":
        return True
    assert set(about) == {"AWS"}, about
    return any(one in ("*", principal) for one in listed(about["AWS"]))


def decision(documents, principal, action, resource, context):
    """"allow", "deny" (by a statement) or "none"."""
    found = "none"
    for statement in (one for document in documents for one in document["Statement"]):
        assert set(statement) <= STATEMENT, statement
        if not (names(statement, principal) and
                any(like(one.lower(), action.lower()) for one in listed(statement["Action"])) and
                any(like(one, resource) for one in listed(statement["Resource"])) and
                holds(statement.get("Condition", {}), context)):
            continue
        if statement["Effect"] == "Deny":
            return "deny"
        assert statement["Effect"] == "Allow", statement
        found = "allow"
    return found
