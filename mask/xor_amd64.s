//go:build !purego

#include "textflag.h"

// Every path begins with all loads of what later stores may overwrite: the
// blocks at the end are counted from the end, so they lie over some of those
// that are counted from the beginning, and in place they must be read before.

// func xorAVX(dst, src *byte, n int, k uint32, wide int)
TEXT ·xorAVX(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), BX
	MOVL k+24(FP), AX

	// Y0: the key for blocks counted from the beginning.
	// Y1: the key for blocks counted from the end, rotated by n octets.
	// A rotation takes its count modulo 32, that is n modulo 4 octets.
	VMOVD        AX, X0
	VPBROADCASTD X0, Y0
	LEAL         (BX*8), CX
	MOVL         AX, DX
	RORL         CX, DX
	VMOVD        DX, X1
	VPBROADCASTD X1, Y1

	CMPQ BX, $128
	JA   over128

	// 64 to 128 octets: two blocks from each side.
	VPXOR   (SI), Y0, Y2
	VPXOR   32(SI), Y0, Y3
	VPXOR   -64(SI)(BX*1), Y1, Y4
	VPXOR   -32(SI)(BX*1), Y1, Y5
	VMOVDQU Y2, (DI)
	VMOVDQU Y3, 32(DI)
	VMOVDQU Y4, -64(DI)(BX*1)
	VMOVDQU Y5, -32(DI)(BX*1)
	VZEROUPPER
	RET

over128:
	CMPQ BX, wide+32(FP)
	JAE  wide
	CMPQ BX, $256
	JA   over256

	// 129 to 256 octets: four blocks from each side.
	VPXOR   (SI), Y0, Y2
	VPXOR   32(SI), Y0, Y3
	VPXOR   64(SI), Y0, Y4
	VPXOR   96(SI), Y0, Y5
	VPXOR   -128(SI)(BX*1), Y1, Y6
	VPXOR   -96(SI)(BX*1), Y1, Y7
	VPXOR   -64(SI)(BX*1), Y1, Y8
	VPXOR   -32(SI)(BX*1), Y1, Y9
	VMOVDQU Y2, (DI)
	VMOVDQU Y3, 32(DI)
	VMOVDQU Y4, 64(DI)
	VMOVDQU Y5, 96(DI)
	VMOVDQU Y6, -128(DI)(BX*1)
	VMOVDQU Y7, -96(DI)(BX*1)
	VMOVDQU Y8, -64(DI)(BX*1)
	VMOVDQU Y9, -32(DI)(BX*1)
	VZEROUPPER
	RET

over256:
	// One block at the beginning, four at the end. They are stored last,
	// over what the loop has put there: the same octets.
	VPXOR (SI), Y0, Y2
	VPXOR -128(SI)(BX*1), Y1, Y6
	VPXOR -96(SI)(BX*1), Y1, Y7
	VPXOR -64(SI)(BX*1), Y1, Y8
	VPXOR -32(SI)(BX*1), Y1, Y9
	MOVQ  DI, R8             // the beginning
	LEAQ  -128(DI)(BX*1), R9 // the end, and where the loop may stop

	// Between them dst is aligned; Y0 becomes the key that fits there.
	MOVQ         DI, CX
	NEGQ         CX
	ANDQ         $31, CX
	ADDQ         CX, DI
	ADDQ         CX, SI
	SHLL         $3, CX
	RORL         CX, AX
	VMOVD        AX, X0
	VPBROADCASTD X0, Y0

	PCALIGN $32
loop:
	VPXOR   (SI), Y0, Y10
	VPXOR   32(SI), Y0, Y11
	VPXOR   64(SI), Y0, Y12
	VPXOR   96(SI), Y0, Y13
	VMOVDQA Y10, (DI)
	VMOVDQA Y11, 32(DI)
	VMOVDQA Y12, 64(DI)
	VMOVDQA Y13, 96(DI)
	ADDQ    $128, SI
	ADDQ    $128, DI
	CMPQ    DI, R9
	JB      loop
	VMOVDQU Y2, (R8)
	VMOVDQU Y6, (R9)
	VMOVDQU Y7, 32(R9)
	VMOVDQU Y8, 64(R9)
	VMOVDQU Y9, 96(R9)
	VZEROUPPER
	RET

wide:
	// The same with blocks of 64 octets, two at the end and two for each turn.
	VPBROADCASTD AX, Z0
	VPBROADCASTD DX, Z1
	VPXORD       (SI), Z0, Z2
	VPXORD       -128(SI)(BX*1), Z1, Z6
	VPXORD       -64(SI)(BX*1), Z1, Z7
	MOVQ         DI, R8
	LEAQ         -128(DI)(BX*1), R9
	MOVQ         DI, CX
	NEGQ         CX
	ANDQ         $63, CX
	ADDQ         CX, DI
	ADDQ         CX, SI
	SHLL         $3, CX
	RORL         CX, AX
	VPBROADCASTD AX, Z0

	PCALIGN $32
wideLoop:
	VPXORD    (SI), Z0, Z10
	VPXORD    64(SI), Z0, Z11
	VMOVDQA64 Z10, (DI)
	VMOVDQA64 Z11, 64(DI)
	ADDQ      $128, SI
	ADDQ      $128, DI
	CMPQ      DI, R9
	JB        wideLoop
	VMOVDQU64 Z2, (R8)
	VMOVDQU64 Z6, (R9)
	VMOVDQU64 Z7, 64(R9)
	VZEROUPPER
	RET
