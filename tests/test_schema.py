"""The JSON schema of recipes: every recipe is one, mistakes are found, and it says what the classes say."""

import json

import jsonschema
import pytest
import yaml

from commands import catalogue, schema

SCHEMA = json.loads(schema.FILE.read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_it_is_a_schema_and_what_the_classes_say():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    made, kept = json.loads(json.dumps(schema.make())), dict(SCHEMA["properties"])
    assert kept.pop("trainer")["properties"].keys() >= {"max_steps", "val_check_interval", "devices"}
    del made["properties"]["trainer"]  # Lightning's versions differ
    assert made["properties"] == kept, "make schema"


@pytest.mark.parametrize("name", catalogue.names())
def test_a_recipe_is_one(name):
    assert not [*VALIDATOR.iter_errors(yaml.safe_load((catalogue.FOLDER / f"{name}.yaml").read_text()))]


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ("modell: {}", "$"),
        ("model: {class_path: zoo.WGANGP, init_args: {critic_step: 5}}", "$.model.init_args"),
        ("model: {class_path: zoo.WGANGP, init_args: {gp_weight: much}}", "$.model.init_args.gp_weight"),
        (
            "model: {class_path: zoo.GAN, init_args: {critic_optimizer: {rate: 1.0}}}",
            "$.model.init_args.critic_optimizer",
        ),
        ("data: {class_path: datamodules.MNISTDataModule, init_args: {batch_size: []}}", "$.data.init_args.batch_size"),
        ("trainer: {max_step: 5}", "$.trainer"),
        ("scores: {num_samples: many}", "$.scores.num_samples"),
    ],
)
def test_a_mistake_is_found_where_it_is(wrong, place):
    assert place in {error.json_path for error in VALIDATOR.iter_errors(yaml.safe_load(wrong))}


def test_a_class_of_one_s_own_may_be_anything():
    mine = "model: {class_path: mine.MyGAN, init_args: {anything: 1}}"
    assert VALIDATOR.is_valid(yaml.safe_load(mine))
