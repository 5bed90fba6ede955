"""A mistyped word gets a suggestion."""

from pathlib import Path

import pytest

from helpers.command_line import DATA, MODEL, error

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (["fit", "--trainer.max_step=3"], "did you mean --trainer.max_steps?"),
        (["fit", f"{MODEL}critic_step=3"], "did you mean critic_steps?"),
        (["fit", f"{DATA}batchsize=3"], "did you mean batch_size?"),
        (["fit", "--imagegrid.every_n_steps=3"], "did you mean --image_grid.every_n_steps?"),
        (["fit", "--model=WGAN-GP"], "did you mean WGANGP?"),
        (["fit", "--model=zoo.WGANGPP"], "did you mean WGANGP?"),
        (["fit", "--data=Digits"], "did you mean DigitsDataModule?"),
        (["fit", f"{MODEL}network=mpl"], "did you mean mlp?"),
        (["fit", f"{MODEL}prior=normall"], "did you mean normal?"),
        (["fit", f"{MODEL}schedule=alternating"], "did you mean alternate?"),
        (["fit", "--loggers=[wnadb]"], "did you mean wandb?"),
        (["fit", "--scores.scorer=mnits"], "did you mean mnist?"),
        (["fit", "--config=quikstart"], "did you mean quickstart?"),
        (["fit", "--max_steps=3"], "did you mean --trainer.max_steps?"),
        (["fit", "--lr", "0.1"], "did you mean --model.init_args.generator_optimizer.lr?"),
        (["fit", "--batch_size=3"], "did you mean --data.init_args.batch_size?"),
        (["fit", "--critic_step=3"], "did you mean --model.init_args.critic_steps?"),
        (["fit", "--seed=3"], "did you mean --seed_everything?"),
        (["fit", f"{DATA}batch-size=3"], "did you mean batch_size?"),
        (["fit", f"{MODEL}critic_optimizer", "{name: adam, lr: 0.1, beta: 3}"], "did you mean betas?"),
        (["fit", f"{MODEL}generator_options", "{hiden: [3]}"], "did you mean hidden?"),
        (["fit", f"{MODEL}prior=gaussian"], "did you mean gaussian_mixture?"),
        (["fit", "--model=zo.WGANGP"], "did you mean WGANGP?"),
        (["fit", "--data=mnist"], "did you mean MNISTDataModule?"),
        (["fit", "--trainer.callbacks=EarlyStoping"], "did you mean EarlyStopping?"),
        (["fit", "--trainer.precision=bf16-mix"], "did you mean bf16-mixed?"),
        (["fit", "--trainer.strategy=dpp"], "did you mean ddp?"),
        (["fit", "--config=typo.yaml"], "did you mean --trainer.max_steps?"),
        (["fit", "--config=group.yaml"], "did you mean --trainer.max_steps?"),
        (["fit", "-config=quickstart"], "did you mean --config?"),
        (["fit", "--trainer.max_steps=3", "quickstrat"], "did you mean --config quickstart?"),
        (["list", "--jsn"], "--jsn"),
        (["train"], "did you mean fit?"),
        (["fti"], "did you mean fit?"),
        (["generate"], "did you mean sample?"),
        (["quickstart"], "ganzoo fit --config quickstart"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else None,
)
def test_a_mistyped_argument_gets_a_suggestion(argv, hint, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("typo.yaml").write_text("trainr: {max_steps: 9}")
    Path("group.yaml").write_text("trainer: {max_step: 9}")
    command, *rest = argv
    config = ["--config=tiny.yaml"] if command == "fit" and "--config=quikstart" not in rest else []
    status, line = error(capsys, command, *config, *rest)
    assert status == 2
    assert hint in line
    assert line.count("did you mean") <= 1
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").glob("*/*")), "no empty run is left"


def test_a_recipe_without_its_option_gets_it(capsys):
    status, line = error(capsys, "fit", "quickstart")
    assert (status, "ganzoo fit --config quickstart" in line) == (2, True)
    status, line = error(capsys, "test", "--ckpt_path=last", "mine.yaml")
    assert (status, "ganzoo fit --config mine.yaml" in line) == (2, True)
