# SPDX-License-Identifier: Apache-2.0
"""The benchmark: tests/bench/run. README.md says what each figure means."""
