# SPDX-License-Identifier: Apache-2.0
"""A small Django site: one page from templates, with a session. No database."""
