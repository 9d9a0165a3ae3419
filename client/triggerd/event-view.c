/* SPDX-License-Identifier: Apache-2.0 */
#include "event-view.h"

TriggerEvent event_view(const cev_event *event)
{
        TriggerEvent view = {
                .type = cev_event_get_type(event),
                .status = cev_event_get_status(event),
                .id = cev_event_get_id(event),
                .name = cev_event_get_name(event),
                .image = cev_event_get_image(event),
                .engine = cev_event_get_engine(event),
                .time_nsec = cev_event_get_time_nsec(event),
                .seq = cev_event_get_seq(event),
                .cursor = cev_event_get_cursor(event),
                .exec_id = cev_event_get_exec_id(event),
                .pod_id = cev_event_get_pod_id(event),
                .network = cev_event_get_network(event),
                .health_status = cev_event_get_health_status(event),
                .error = cev_event_get_error(event),
                .reason = cev_event_get_reason(event),
                .oom_killed = cev_event_is_oom_killed(event),
                .synthetic = cev_event_is_synthetic(event),
                .backlog = cev_event_is_backlog(event),
                .truncated = cev_event_is_truncated(event),
        };

        view.has_exit_code = cev_event_get_exit_code(event, &view.exit_code) >= 0;
        view.has_uid = cev_event_get_uid(event, &view.uid) >= 0;
        return view;
}
