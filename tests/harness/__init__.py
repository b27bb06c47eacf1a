# SPDX-License-Identifier: Apache-2.0
"""What the tests need of the outside: servers, a client of bytes, memory readers."""
