-- Sizes in bytes and durations in seconds: 8 * akosha.MiB, 2 * akosha.minute.
return {
  KiB = 1 << 10,
  MiB = 1 << 20,
  GiB = 1 << 30,
  kB = 1000,
  MB = 1000 * 1000,

  second = 1,
  minute = 60,
  hour = 60 * 60,
  day = 24 * 60 * 60,
}
