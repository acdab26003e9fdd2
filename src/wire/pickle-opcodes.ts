/** What pickles are made of, as Python's `pickletools` names it. Protocols 0 to 5. */

export const PROTO = 0x80
export const FRAME = 0x95
export const STOP = 0x2e // .

export const MARK = 0x28 // (
export const POP = 0x30 // 0
export const POP_MARK = 0x31 // 1

export const GET = 0x67 // g
export const BINGET = 0x68 // h
export const LONG_BINGET = 0x6a // j
export const PUT = 0x70 // p
export const BINPUT = 0x71 // q
export const LONG_BINPUT = 0x72 // r
export const MEMOIZE = 0x94

export const NONE = 0x4e // N
export const NEWTRUE = 0x88
export const NEWFALSE = 0x89
export const INT = 0x49 // I
export const BININT = 0x4a // J
export const BININT1 = 0x4b // K
export const BININT2 = 0x4d // M
export const LONG = 0x4c // L
export const LONG1 = 0x8a
export const LONG4 = 0x8b
export const FLOAT = 0x46 // F
export const BINFLOAT = 0x47 // G
export const UNICODE = 0x56 // V
export const BINUNICODE = 0x58 // X
export const SHORT_BINUNICODE = 0x8c
export const BINUNICODE8 = 0x8d

export const LIST = 0x6c // l
export const EMPTY_LIST = 0x5d // ]
export const APPEND = 0x61 // a
export const APPENDS = 0x65 // e
export const TUPLE = 0x74 // t
export const EMPTY_TUPLE = 0x29 // )
export const TUPLE1 = 0x85
export const TUPLE2 = 0x86
export const TUPLE3 = 0x87
export const DICT = 0x64 // d
export const EMPTY_DICT = 0x7d // }
export const SETITEM = 0x73 // s
export const SETITEMS = 0x75 // u

/** What makes more than plain data, or calls something. Met anywhere, it ends the reading. */
export const REFUSED: ReadonlyMap<number, string> = new Map([
  [0x63, 'a class or function (GLOBAL)'], // c
  [0x93, 'a class or function (STACK_GLOBAL)'],
  [0x69, 'an object (INST)'], // i
  [0x6f, 'an object (OBJ)'], // o
  [0x81, 'an object (NEWOBJ)'],
  [0x92, 'an object (NEWOBJ_EX)'],
  [0x52, 'a call (REDUCE)'], // R
  [0x62, "an object's state (BUILD)"], // b
  [0x82, 'a registered class (EXT1)'],
  [0x83, 'a registered class (EXT2)'],
  [0x84, 'a registered class (EXT4)'],
  [0x50, 'a reference to elsewhere (PERSID)'], // P
  [0x51, 'a reference to elsewhere (BINPERSID)'], // Q
  [0x42, 'bytes (BINBYTES)'], // B
  [0x43, 'bytes (SHORT_BINBYTES)'], // C
  [0x8e, 'bytes (BINBYTES8)'],
  [0x96, 'bytes (BYTEARRAY8)'],
  [0x97, 'bytes (NEXT_BUFFER)'],
  [0x98, 'bytes (READONLY_BUFFER)'],
  [0x53, 'text of Python 2 (STRING)'], // S
  [0x54, 'text of Python 2 (BINSTRING)'], // T
  [0x55, 'text of Python 2 (SHORT_BINSTRING)'], // U
  [0x8f, 'a set (EMPTY_SET)'],
  [0x90, 'a set (ADDITEMS)'],
  [0x91, 'a set (FROZENSET)'],
  [0x32, 'what no Python writes (DUP)'], // 2
])
