#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| imsgate_fuzz::log_line(data));
