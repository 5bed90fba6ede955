"""A recipe whose steps take milliseconds."""

TINY = """\
model:
  class_path: zoo.WGANGP
  init_args:
    network: mlp
    generator_options: {hidden: [8]}
    critic_options: {hidden: [8]}
    latent_dim: 4
data:
  class_path: datamodules.DigitsDataModule
  init_args: {batch_size: 4, predict_samples: 6}
trainer: {accelerator: cpu, devices: 1, max_steps: 4, log_every_n_steps: 2, val_check_interval: 2, limit_val_batches: 2,
          limit_test_batches: 2, enable_model_summary: false}
image_grid: {every_n_steps: 2, num_images: 4}
loggers: [csv]
"""
