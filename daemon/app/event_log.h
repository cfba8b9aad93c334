// Writes the queue's events as log lines. docs/operations.md explains each of them.
#pragma once

#include "config/schema.h"
#include "daemon/queue/event.h"
#include "daemon/runtime/log.h"

namespace posthouse::app {

void write_event(runtime::Log& log, const queue::Event& event);

}  // namespace posthouse::app
