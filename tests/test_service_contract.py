"""The service against its own OpenAPI: what schemathesis makes of the description finds no 5xx and no false promise."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys

import pytest

from tests.serving import SEEN, serving, station

pytest.importorskip("fastapi")
from autonomy.service.web.schema import DecisionBody, ObservationBody

KEY = "k" * 20
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def test_the_description_has_every_path_and_names_units(tmp_path):
    with serving([station(tmp_path)]) as place:
        told = place.ask("GET", "/openapi.json").told
        assert place.step(SEEN).status == 200
    assert told["openapi"].startswith("3.1")
    assert set(told["paths"]) == {"/step", "/decision", "/community", "/health", "/metrics"}
    body = told["paths"]["/step"]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert body == "#/components/schemas/ObservationBody"
    schemas = told["components"]["schemas"]
    for name in ("ObservationBody", "DecisionBody"):
        for field, about in schemas[name]["properties"].items():
            if field.endswith("_kw"):
                assert "kW" in about["description"], field
    assert set(schemas["ObservationBody"]["required"]) == set(SEEN)
    assert schemas["ObservationBody"]["additionalProperties"] is False
    assert set(schemas["DecisionBody"]["properties"]) == set(DecisionBody.model_fields)
    assert set(schemas["ObservationBody"]["properties"]) == set(ObservationBody.model_fields)
    assert "security" not in told


def test_the_description_says_when_a_key_is_needed(tmp_path):
    with serving([station(tmp_path)], {"pair": KEY}) as place:
        told = place.ask("GET", "/openapi.json").told
    assert told["components"]["securitySchemes"]["key"] == {"type": "http", "scheme": "bearer"}
    assert told["security"] == [{"key": []}]
    assert told["paths"]["/health"]["get"]["security"] == []


@pytest.mark.skipif(importlib.util.find_spec("schemathesis") is None, reason="needs schemathesis (extra `contract`)")
def test_schemathesis_finds_no_5xx_and_no_answer_that_the_description_does_not_have(tmp_path):
    with serving([station(tmp_path)], {"pair": KEY}, steps_per_s=1e6) as place:
        url = f"http://127.0.0.1:{place.port}/openapi.json"
        words = ["run", url, "--checks", CHECKS, "-H", f"Authorization: Bearer {KEY}", "--max-examples", "100"]
        command = [sys.executable, "-m", "schemathesis.cli", *words, "--seed", "1", "--no-color"]
        found = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, cwd=tmp_path)
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
    made = re.search(r"(\d+) generated, (\d+) passed", found.stdout)
    assert made, found.stdout
    assert int(made[1]) == int(made[2]) > 300
