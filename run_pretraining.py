"""Trains a model on pre-training records, evaluates it, or both.

python run_pretraining.py --input_file='data/*.tfrecord' --config_file=bert_config.json \\
    --output_dir=out --do_train --max_seq_length=128 --max_predictions_per_seq=20
"""

import os

from cli.start import watched_imports

with watched_imports():
    from absl import flags

    from cli import model_folder, pretraining_flags, run_flags
    from cli.app import PARTS_KEPT, hold_log, prepare_tensorflow, run_script
    from cli.pretraining.evaluation import PREDICTIONS_FILE
    from common import files
    from common.errors import UserError
    from common.log import log, name_log_file
    from common.progress import Progress, counted
    from common.terminal import say
    from prediction import record_tags
    from prediction.lines import ResultFile
    from training import evaluations, plan, pretraining_run
    from training.devices.numerics import Numerics
    from training.failures import output_errors

FLAGS = flags.FLAGS
pretraining_flags.define()
flags.adopt_module_key_flags(run_flags)
flags.adopt_module_key_flags(pretraining_flags)


def main(argv):
    """Runs what the flags ask for."""
    if FLAGS.compare is not None:
        compare([*FLAGS.compare, *argv[1:]])
        return
    prepare_tensorflow()
    hold_log()
    request = pretraining_flags.request()
    name_log_file(request.config.output_dir)
    records = pretraining_run.find_records(request)
    with run_flags.locked_output(request.config.do_train and not request.dry_run):
        devices = run_flags.find_devices(
            [*records.train_files, *records.eval_files, request.config.output_dir],
            request.dry_run,
        )
        # It may take long: after all that is checked in no time.
        run = pretraining_run.build(request, records, devices)
        # Late: its session hooks derive from TensorFlow's.
        from training.pretraining_runner import PretrainingRunner

        runner = PretrainingRunner(run)
        if request.dry_run:
            for line in plan.describe(run, runner.parameters, runner.teacher_count):
                log(line)
            return
        if run.config.do_train:
            model_folder.write_trained(run, records.manifests)
        carry_out(request, run, runner)


# --compare A B: absl gives the flag the first word alone.
main.takes_words = lambda: FLAGS.compare is not None


def compare(names):
    """Prints two evaluations side by side.

    Args:
      names: of folders or files of results.

    Raises:
      UserError: these are not two, or not of the same rows.
    """
    run_flags.refuse_actions_beside("compare")
    if len(names) != 2:
        raise UserError(
            "--compare takes two output folders or eval_results.txt files, as --compare A B, "
            "found {}".format(len(names))
        )
    for line in evaluations.compare(*names):
        say(line)


def carry_out(request, run, runner):
    """Trains, evaluates and predicts as asked.

    Args:
      request: PretrainingRequest.
      run: Run.
      runner: PretrainingRunner.
    """
    evaluated = run.config.do_train and runner.train()
    if run.config.do_eval and not evaluated:
        runner.evaluate()
    if request.do_predict:
        predict_tags(runner.checkpoint(), request, run)


def predict_tags(path, request, run):
    """Writes the tags of masked places to output_dir.

    Args:
      path: the checkpoint that predicts.
      request: PretrainingRequest.
      run: Run.

    Raises:
      UserError: records or checkpoint do not allow it.
    """
    vocabulary = run_flags.read_vocabulary(run.model_config) if request.vocab_file else None
    target = os.path.join(run.config.output_dir, PREDICTIONS_FILE)
    with output_errors(run.config.output_dir):
        files.make_directories(run.config.output_dir)
    tags = record_tags.predict(
        run.config.eval_files,
        path,
        run.model_config,
        run.config.eval_batch_size,
        vocabulary,
        Numerics(run.config.kernels, run.config.precision),
    )
    with ResultFile(target) as results, Progress("predicting", None, log, "records") as progress:
        results.write(counted(tags, progress))
    log("tags of the masked places: {}".format(target))


if __name__ == "__main__":
    run_script(main, PARTS_KEPT)
