//! Exponentials rounded as Java's `StrictMath` rounds them, which follows Sun's fdlibm.

/// High and low part of the logarithm of 2.
const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Largest and smallest argument with a result.
const OVERFLOW: f64 = 7.097_827_128_933_84e2;
const UNDERFLOW: f64 = -7.451_332_191_019_411e2;
/// Polynomial for the reduced argument.
const P: [f64; 5] = [
    1.666_666_666_666_660_2e-1,
    -2.777_777_777_701_559_3e-3,
    6.613_756_321_437_934e-5,
    -1.653_390_220_546_525_2e-6,
    4.138_136_797_057_238_5e-8,
];
/// Polynomial of the logarithm.
const LG: [f64; 7] = [
    0.666_666_666_666_673_5,
    0.399_999_999_994_094_2,
    0.285_714_287_436_623_9,
    0.222_221_984_321_497_84,
    0.181_835_721_616_180_5,
    0.153_138_376_992_093_73,
    0.147_981_986_051_165_86,
];

/// `StrictMath.log`.
pub fn log(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_infinite() {
        return x;
    }
    if x < f64::MIN_POSITIVE {
        let scale = 2.0_f64.powi(54);
        return log(x * scale) - 54.0 * LN2_HIGH - 54.0 * LN2_LOW;
    }
    // x is two to the power of `power`, times 1 + f between the root of a half and that of two.
    let bits = x.to_bits();
    let high = (bits >> 32) as i32;
    let mantissa = high & 0xf_ffff;
    let carry = (mantissa + 0x9_5f64) & 0x10_0000;
    let normal = u64::from((mantissa | (carry ^ 0x3ff0_0000)) as u32) << 32 | (bits & 0xffff_ffff);
    let power = f64::from((high >> 20) - 1023 + (carry >> 20));
    let f = f64::from_bits(normal) - 1.0;
    if (0xf_ffff & (2 + mantissa)) < 3 {
        if f == 0.0 {
            return if power == 0.0 { 0.0 } else { power * LN2_HIGH + power * LN2_LOW };
        }
        let rest = f * f * (0.5 - f / 3.0);
        return if power == 0.0 { f - rest } else { power * LN2_HIGH - ((rest - power * LN2_LOW) - f) };
    }
    let part = f / (2.0 + f);
    let square = part * part;
    let fourth = square * square;
    let even = fourth * (LG[1] + fourth * (LG[3] + fourth * LG[5]));
    let odd = square * (LG[0] + fourth * (LG[2] + fourth * (LG[4] + fourth * LG[6])));
    let rest = odd + even;
    if ((mantissa - 0x6_147a) | (0x6_b851 - mantissa)) > 0 {
        let half = 0.5 * f * f;
        if power == 0.0 {
            return f - (half - part * (half + rest));
        }
        return power * LN2_HIGH - ((half - (part * (half + rest) + power * LN2_LOW)) - f);
    }
    if power == 0.0 {
        return f - part * (f - rest);
    }
    power * LN2_HIGH - ((part * (f - rest) - power * LN2_LOW) - f)
}

/// `StrictMath.exp`.
pub fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > OVERFLOW {
        return f64::INFINITY;
    }
    if x < UNDERFLOW {
        return 0.0;
    }
    let size = x.abs();
    if size < 2.0_f64.powi(-28) {
        return 1.0 + x;
    }
    // x is k times the logarithm of 2, and a rest that is known in two parts.
    let (k, high, low) = if size <= 0.5 * std::f64::consts::LN_2 {
        (0, x, 0.0)
    } else if size < 1.5 * std::f64::consts::LN_2 {
        let k = if x < 0.0 { -1 } else { 1 };
        let sign = f64::from(k);
        (k, x - sign * LN2_HIGH, sign * LN2_LOW)
    } else {
        let k = (x * std::f64::consts::LOG2_E + 0.5_f64.copysign(x)) as i32;
        (k, x - f64::from(k) * LN2_HIGH, f64::from(k) * LN2_LOW)
    };
    let rest = high - low;
    let square = rest * rest;
    let c = rest - square * (P[0] + square * (P[1] + square * (P[2] + square * (P[3] + square * P[4]))));
    if k == 0 {
        return 1.0 - ((rest * c) / (c - 2.0) - rest);
    }
    let y = 1.0 - ((low - (rest * c) / (2.0 - c)) - high);
    // Two steps, so that results below the smallest normal number are reached.
    if k < -1021 { y * 2.0_f64.powi(k + 1000) * 2.0_f64.powi(-1000) } else { y * 2.0_f64.powi(k - 1) * 2.0 }
}

/// `StrictMath.cosh`.
pub fn cosh(x: f64) -> f64 {
    let size = x.abs();
    if size < 0.5 * std::f64::consts::LN_2 {
        let t = size.exp_m1();
        let w = 1.0 + t;
        return if size < 2.0_f64.powi(-55) { w } else { 1.0 + (t * t) / (w + w) };
    }
    if size < 22.0 {
        let t = exp(size);
        return 0.5 * t + 0.5 / t;
    }
    if size < OVERFLOW {
        return 0.5 * exp(size);
    }
    let half = exp(0.5 * size);
    (0.5 * half) * half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_those_of_java() {
        // StrictMath.exp(1) and StrictMath.cosh(1) as Spark prints them.
        assert_eq!(exp(1.0).to_string(), "2.7182818284590455");
        assert_eq!(cosh(1.0).to_string(), "1.543080634815244");
        // The last digits of 1.584962500721156, which is LOG2(3).
        assert_eq!((log(3.0) / log(2.0)).to_string(), "1.584962500721156");
        assert_eq!((log(9.0) / log(2.0)).to_string(), "3.1699250014423126");
        assert_eq!(exp(0.0).to_string(), "1");
        assert_eq!(exp(-800.0).to_string(), "0");
        assert_eq!(exp(800.0).to_string(), "inf");
    }
}
