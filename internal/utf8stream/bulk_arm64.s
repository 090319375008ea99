//go:build !purego

#include "textflag.h"
#include "lookup.h"

#define base    R0
#define len     R1
#define i       R2 // the offset of the next block; all before it are checked
#define last64  R3 // the offset of the last 64 octets
#define last16  R4 // the offset of the last block
#define at      R5
#define lo      R6
#define hi      R7

#define FIRSTHIGH  V16.B16
#define FIRSTLOW   V17.B16
#define SECONDHIGH V18.B16
#define LOWHALVES  V19.B16
#define THIRDBIAS  V20.B16
#define FOURTHBIAS V21.B16
#define TOPBITS    V22.B16

// CHECK sets the errors of the block cur, of which before is the block before:
// an octet is not zero where cur has an error there. It is CHECK of
// bulk_amd64.s, but for two differences. The three octets before come from two
// registers. And there is no subtraction that stops at zero: the greater of x
// and the bias, less the bias, is the same.
#define CHECK(cur, before, errors) \
	VEXT  $15, cur, before, V24.B16           \ // V24: one octet before
	VEXT  $14, cur, before, V25.B16           \ // V25: two octets before
	VEXT  $13, cur, before, V26.B16           \ // V26: three octets before
	VUSHR $4, V24.B16, V27.B16                \
	VTBL  V27.B16, [FIRSTHIGH], V27.B16       \
	VAND  LOWHALVES, V24.B16, V24.B16         \
	VTBL  V24.B16, [FIRSTLOW], V24.B16        \
	VUSHR $4, cur, V28.B16                    \
	VTBL  V28.B16, [SECONDHIGH], V28.B16      \
	VAND  V27.B16, V24.B16, V24.B16           \
	VAND  V28.B16, V24.B16, V24.B16           \ // V24: the errors of the tables
	VUMAX THIRDBIAS, V25.B16, V25.B16         \
	VSUB  THIRDBIAS, V25.B16, V25.B16         \
	VUMAX FOURTHBIAS, V26.B16, V26.B16        \
	VSUB  FOURTHBIAS, V26.B16, V26.B16        \
	VORR  V25.B16, V26.B16, V25.B16           \
	VAND  TOPBITS, V25.B16, V25.B16           \ // V25: where TWO_CONTS has to be
	VEOR  V25.B16, V24.B16, errors

// ORBITS sets lo to the OR of both halves of V5.
#define ORBITS \
	VMOV V5.D[0], lo \
	VMOV V5.D[1], hi \
	ORR  hi, lo

// func bulk(p []byte) (n int)
TEXT ·bulk(SB), NOSPLIT|NOFRAME, $0-32
	MOVD  p_base+0(FP), base
	MOVD  p_len+8(FP), len
	MOVD  $firstHigh<>(SB), at
	VLD1  (at), [FIRSTHIGH]
	MOVD  $firstLow<>(SB), at
	VLD1  (at), [FIRSTLOW]
	MOVD  $secondHigh<>(SB), at
	VLD1  (at), [SECONDHIGH]
	VMOVI $0x0F, LOWHALVES
	VMOVI $THIRD_BIAS, THIRDBIAS
	VMOVI $FOURTH_BIAS, FOURTHBIAS
	VMOVI $TWO_CONTS, TOPBITS
	SUB   $64, len, last64
	SUB   $16, len, last16
	MOVD  $0, i

ascii:
	// No sequence is open here. As the block before, zeros are as good as what
	// is there, and at the beginning, where nothing is, they are a boundary.
	VEOR  V4.B16, V4.B16, V4.B16
	CMP   last64, i
	BGT   rest
	ADD   base, i, at
	VLD1  (at), [V0.B16, V1.B16, V2.B16, V3.B16]
	VORR  V0.B16, V1.B16, V5.B16
	VORR  V2.B16, V3.B16, V6.B16
	VORR  V6.B16, V5.B16, V5.B16
	ORBITS
	TST   $0x8080808080808080, lo
	BNE   blocks
	ADD   $64, i
	B     ascii

blocks:
	// V0 to V3 are four blocks, and V4 is the block before them.
	CHECK(V0.B16, V4.B16, V5.B16)
	CHECK(V1.B16, V0.B16, V6.B16)
	VORR  V6.B16, V5.B16, V5.B16
	CHECK(V2.B16, V1.B16, V6.B16)
	VORR  V6.B16, V5.B16, V5.B16
	CHECK(V3.B16, V2.B16, V6.B16)
	VORR  V6.B16, V5.B16, V5.B16
	ORBITS
	CBNZ  lo, done
	ADD   $64, i
	VMOV  V3.B16, V4.B16
	CMP   last64, i
	BGT   rest
	ADD   base, i, at
	VLD1  (at), [V0.B16, V1.B16, V2.B16, V3.B16]
	// If all four are ASCII, and the block before, then no sequence is open.
	VORR  V0.B16, V1.B16, V5.B16
	VORR  V2.B16, V3.B16, V6.B16
	VORR  V4.B16, V5.B16, V5.B16
	VORR  V6.B16, V5.B16, V5.B16
	ORBITS
	TST   $0x8080808080808080, lo
	BNE   blocks
	ADD   $64, i
	B     ascii

rest:
	// Less than 64 octets, one block at a time. V4 is the block before.
	CMP   len, i
	BGE   done
	CMP   last16, i
	BGT   end
	ADD   base, i, at
	VLD1  (at), [V0.B16]
	CHECK(V0.B16, V4.B16, V5.B16)
	ORBITS
	CBNZ  lo, done
	VMOV  V0.B16, V4.B16
	ADD   $16, i
	B     rest

end:
	// Less than a block: the last two, of which most is known.
	ADD   base, last16, at
	SUB   $16, at
	VLD1  (at), [V0.B16, V1.B16]
	CHECK(V1.B16, V0.B16, V5.B16)
	ORBITS
	CBNZ  lo, done
	MOVD  len, i

done:
	MOVD  i, n+24(FP)
	RET
