"""Fine-tunes a model on one task or several, evaluates it and predicts.

python run_finetuning.py --task_name=chnsenticorp --data_dir=data/chnsenticorp \\
    --config_file=bert_config.json --vocab_file=vocab.txt --init_checkpoint=bert_model.ckpt \\
    --output_dir=out --do_train --do_eval --do_predict
"""

from cli.start import watched_imports

with watched_imports():
    from absl import flags

    from cli import finetuning_flags, finetuning_run, finetuning_trials, model_folder, run_flags
    from cli.app import PARTS_KEPT, hold_log, prepare_tensorflow, run_script
    from common.log import name_log_file

finetuning_flags.define()
for module in (finetuning_flags, model_folder, run_flags):
    flags.adopt_module_key_flags(module)


def main(argv):
    """Runs what the flags ask for."""
    del argv
    prepare_tensorflow()
    hold_log()
    request = finetuning_flags.request()
    name_log_file(request.output_dir)
    inputs = finetuning_run.read_inputs(request)
    with run_flags.locked_output(request.do_train):
        finetuning_trials.run_trials(finetuning_run.compose(inputs))


if __name__ == "__main__":
    run_script(main, PARTS_KEPT)
