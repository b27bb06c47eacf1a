# SPDX-License-Identifier: Apache-2.0
name = 1
	x = 2
