// The errors and the three tables of the lookup method, for every processor.
//
// The method is that of John Keiser and Daniel Lemire, "Validating UTF-8 in
// less than one instruction per byte" (2021). All that can be wrong with UTF-8,
// the third and the fourth octet of a sequence apart, is seen in two neighbours,
// of which three half octets say enough: both halves of the first one and the
// high half of the second one. Each half is an index into a table of 16 octets,
// and each bit of an octet there is an error: "with this half, that error is
// possible". So the AND of the three octets has the errors that there are. What
// is left, whether third and fourth octets are where they should be and nowhere
// else, is the second part of CHECK.
//
//                        first neighbour   second neighbour

// TOO_SHORT: a lead without its continuation.
//                        11______          0_______
//                        11______          11______
#define TOO_SHORT  0x01

// TOO_LONG: a continuation without a lead.
//                        0_______          10______
#define TOO_LONG   0x02

// OVERLONG_3: below U+0800, in three octets.
//                        11100000          100_____
#define OVERLONG_3 0x04

// SURROGATE: U+D800 to U+DFFF.
//                        11101101          101_____
#define SURROGATE  0x08

// OVERLONG_2: below U+0080, in two octets.
//                        1100000_          10______
#define OVERLONG_2 0x10

// TOO_LARGE: beyond U+10FFFF, if the second neighbour is 90 or more.
//                        11110100          1001____, 101_____
//                        11110101 or more  1001____, 101_____
#define TOO_LARGE  0x20

// OVERLONG_4: below U+10000, in four octets. And beyond U+10FFFF, if the second
// neighbour is less than 90: they share a bit, which saves the ninth one, as no
// first neighbour can be both.
//                        11110000          1000____
//                        11110101 or more  1000____
#define OVERLONG_4 0x40

// TWO_CONTS: two continuations. That is right where the second neighbour is a
// third or fourth octet, and wrong elsewhere: CHECK compares this bit with what
// the leads two and three octets before ask for. It has to be the top bit.
//                        10______          10______
#define TWO_CONTS  0x80

// The errors about which the low half of the first neighbour says nothing.
#define ANY_LOW (TOO_SHORT|TOO_LONG|TWO_CONTS)

#define EIGHT 0x0101010101010101
#define FOUR  0x01010101

// The high half of the first neighbour.
DATA firstHigh<>+0x0(SB)/8, $(EIGHT*TOO_LONG)  // 0_______: ASCII
DATA firstHigh<>+0x8(SB)/4, $(FOUR*TWO_CONTS)  // 10______: a continuation
DATA firstHigh<>+0xC(SB)/1, $(TOO_SHORT|OVERLONG_2) // 1100____
DATA firstHigh<>+0xD(SB)/1, $(TOO_SHORT) // 1101____
DATA firstHigh<>+0xE(SB)/1, $(TOO_SHORT|OVERLONG_3|SURROGATE) // 1110____
DATA firstHigh<>+0xF(SB)/1, $(TOO_SHORT|OVERLONG_4|TOO_LARGE) // 1111____
GLOBL firstHigh<>(SB), RODATA|NOPTR, $16

// The low half of the first neighbour.
DATA firstLow<>+0x0(SB)/1, $(ANY_LOW|OVERLONG_2|OVERLONG_3|OVERLONG_4) // C0, E0, F0
DATA firstLow<>+0x1(SB)/1, $(ANY_LOW|OVERLONG_2) // C1
DATA firstLow<>+0x2(SB)/1, $(ANY_LOW)
DATA firstLow<>+0x3(SB)/1, $(ANY_LOW)
DATA firstLow<>+0x4(SB)/1, $(ANY_LOW|TOO_LARGE) // F4
DATA firstLow<>+0x5(SB)/1, $(ANY_LOW|TOO_LARGE|OVERLONG_4) // F5
DATA firstLow<>+0x6(SB)/1, $(ANY_LOW|TOO_LARGE|OVERLONG_4) // F6
DATA firstLow<>+0x7(SB)/1, $(ANY_LOW|TOO_LARGE|OVERLONG_4) // F7
DATA firstLow<>+0x8(SB)/4, $(FOUR*(ANY_LOW|TOO_LARGE|OVERLONG_4)) // F8 to FB
DATA firstLow<>+0xC(SB)/1, $(ANY_LOW|TOO_LARGE|OVERLONG_4) // FC
DATA firstLow<>+0xD(SB)/1, $(ANY_LOW|TOO_LARGE|OVERLONG_4|SURROGATE) // ED, FD
DATA firstLow<>+0xE(SB)/1, $(ANY_LOW|TOO_LARGE|OVERLONG_4) // FE
DATA firstLow<>+0xF(SB)/1, $(ANY_LOW|TOO_LARGE|OVERLONG_4) // FF
GLOBL firstLow<>(SB), RODATA|NOPTR, $16

// The high half of the second neighbour.
DATA secondHigh<>+0x0(SB)/8, $(EIGHT*TOO_SHORT) // 0_______
DATA secondHigh<>+0x8(SB)/1, $(TOO_LONG|TWO_CONTS|OVERLONG_2|OVERLONG_3|OVERLONG_4) // 1000____
DATA secondHigh<>+0x9(SB)/1, $(TOO_LONG|TWO_CONTS|OVERLONG_2|OVERLONG_3|TOO_LARGE) // 1001____
DATA secondHigh<>+0xA(SB)/1, $(TOO_LONG|TWO_CONTS|OVERLONG_2|SURROGATE|TOO_LARGE) // 1010____
DATA secondHigh<>+0xB(SB)/1, $(TOO_LONG|TWO_CONTS|OVERLONG_2|SURROGATE|TOO_LARGE) // 1011____
DATA secondHigh<>+0xC(SB)/4, $(FOUR*TOO_SHORT) // 11______
GLOBL secondHigh<>(SB), RODATA|NOPTR, $16

// THIRD_BIAS and FOURTH_BIAS, subtracted, leave the top bit to octets of E0 or
// more and of F0 or more: the leads of what has a third and a fourth octet.
#define THIRD_BIAS  (0xE0-0x80)
#define FOURTH_BIAS (0xF0-0x80)
