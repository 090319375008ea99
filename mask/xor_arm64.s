//go:build !purego

#include "textflag.h"

// The order of loads and stores is that of xor_amd64.s, for the same reason.

// func xorNEON(dst, src *byte, n int, k uint32)
TEXT ·xorNEON(SB), NOSPLIT|NOFRAME, $0-28
	MOVD  dst+0(FP), R0
	MOVD  src+8(FP), R1
	MOVD  n+16(FP), R2
	MOVWU k+24(FP), R3

	// V0: the key for blocks counted from the beginning.
	// V1: the key for blocks counted from the end, rotated by n octets.
	// A rotation takes its count modulo 32, that is n modulo 4 octets.
	VDUP R3, V0.S4
	LSL  $3, R2, R4
	RORW R4, R3, R4
	VDUP R4, V1.S4
	ADD  R2, R0, R5 // the end of dst
	ADD  R2, R1, R6 // the end of src

	// Four blocks at the end, in V16 to V19.
	FLDPQ -64(R6), (F16, F17)
	FLDPQ -32(R6), (F18, F19)
	VEOR  V1.B16, V16.B16, V16.B16
	VEOR  V1.B16, V17.B16, V17.B16
	VEOR  V1.B16, V18.B16, V18.B16
	VEOR  V1.B16, V19.B16, V19.B16
	CMP   $128, R2
	BHI   over128

	// 64 to 128 octets: four more from the beginning.
	FLDPQ (R1), (F2, F3)
	FLDPQ 32(R1), (F4, F5)
	VEOR  V0.B16, V2.B16, V2.B16
	VEOR  V0.B16, V3.B16, V3.B16
	VEOR  V0.B16, V4.B16, V4.B16
	VEOR  V0.B16, V5.B16, V5.B16
	FSTPQ (F2, F3), (R0)
	FSTPQ (F4, F5), 32(R0)
	FSTPQ (F16, F17), -64(R5)
	FSTPQ (F18, F19), -32(R5)
	RET

over128:
	// One block at the beginning, in V20.
	FMOVQ (R1), F20
	VEOR  V0.B16, V20.B16, V20.B16
	MOVD  R0, R7

	// Behind it dst is aligned; V0 becomes the key that fits there.
	NEG  R0, R4
	AND  $15, R4, R4
	ADD  R4, R0, R0
	ADD  R4, R1, R1
	LSL  $3, R4, R4
	RORW R4, R3, R3
	VDUP R3, V0.S4
	SUB  $64, R5, R8 // where the loop may stop

	PCALIGN $16
loop:
	FLDPQ (R1), (F2, F3)
	FLDPQ 32(R1), (F4, F5)
	VEOR  V0.B16, V2.B16, V2.B16
	VEOR  V0.B16, V3.B16, V3.B16
	VEOR  V0.B16, V4.B16, V4.B16
	VEOR  V0.B16, V5.B16, V5.B16
	FSTPQ (F2, F3), (R0)
	FSTPQ (F4, F5), 32(R0)
	ADD   $64, R1
	ADD   $64, R0
	CMP   R8, R0
	BLO   loop

	// These octets are stored over what the loop has put there: the same.
	FMOVQ F20, (R7)
	FSTPQ (F16, F17), (R8)
	FSTPQ (F18, F19), 32(R8)
	RET
