# SPDX-License-Identifier: Apache-2.0
StaticHeaders = ["X-Content-Type-Options: nosniff"]
