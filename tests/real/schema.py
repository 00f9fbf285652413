"""Holds a document against a JSON Schema of docs/schema, as far as those use the language. A field that the schema does
not know is wrong as well: who adds one describes it."""

import json
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "schema"
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KNOWN = {"$schema", "$ref", "$defs", "title", "description", "type", "required", "properties", "additionalProperties", "items",
         "enum", "const", "pattern", "minimum", "maximum", "minItems", "oneOf", "anyOf"}


def is_type(value, name):
    if name in ("integer", "number"):
        return isinstance(value, int if name == "integer" else (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def wrong(value, schema, whole, at="report"):
    """What is wrong with it, "path: why" each."""
    assert set(schema) <= KNOWN, f"{at}: the schema has {set(schema) - KNOWN}"
    if "$ref" in schema:
        return wrong(value, whole["$defs"][schema["$ref"].rsplit("/", 1)[1]], whole, at)
    found = []
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(is_type(value, name) for name in types):
        return [f"{at}: {value!r} is none of {types}"]
    for word in ("oneOf", "anyOf"):
        if word in schema and not any(wrong(value, one, whole, at) == [] for one in schema[word]):
            found.append(f"{at}: {value!r} is {word} nothing")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is none of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{at}: {value!r} is not {schema['const']!r}")
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        found.append(f"{at}: {value!r} does not match {schema['pattern']}")
    if is_type(value, "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append(f"{at}: {value!r} is out of bounds")
    if isinstance(value, list) and "items" in schema:
        found += [line for i, one in enumerate(value) for line in wrong(one, schema["items"], whole, f"{at}[{i}]")]
    if isinstance(value, dict) and "properties" in schema:
        found += wrong_object(value, schema, whole, at)
    return found


def wrong_object(value, schema, whole, at):
    found = [f"{at}: has no {name}" for name in schema.get("required", []) if name not in value]
    for name, one in value.items():
        if name in schema["properties"]:
            found += wrong(one, schema["properties"][name], whole, f"{at}.{name}")
        elif "additionalProperties" not in schema:
            found.append(f"{at}: {name} is not described")
    return found


def check(name, document):
    """Raises AssertionError."""
    schema = json.loads((FOLDER / f"{name}.json").read_text())
    found = wrong(document, schema, schema, name)
    assert found == [], "\n".join(found)
