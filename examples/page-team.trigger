# SPDX-License-Identifier: Apache-2.0
# Starts page-team@.service for each payment container that dies with an error. To use it:
#   cp page-team.trigger /etc/containers-events/triggers.d/
#   cp page-team@.service /etc/systemd/system/
#   systemctl daemon-reload
#   systemctl enable --now containers-events-triggerd
#   systemctl reload containers-events-triggerd
[Trigger]
Description=Tell the team when a payment container dies with an error
Filter=type=container
Filter=event=died
Filter=exit_code!=0
Filter=label=team=payments
Unit=page-team@%n.service
RateLimitIntervalSec=1min
RateLimitBurst=5
