// How little memory an idle relay holds. Linux and glibc only; hints, nothing depends on them.
#pragma once

namespace posthouse::runtime {

// One heap for all threads, trimmed when a megabyte at its top is free: an arena per thread would keep what
// another thread has freed. Call before the first thread starts.
void keep_heap_small();

// Gives back what only starting up needed: free heap, and the resident pages of program code (the YAML
// parser, the loading of certificates). They are clean file pages; what is used again comes back from the
// page cache.
void release_startup_memory();

}  // namespace posthouse::runtime
