//! AES as `aes_encrypt` and `aes_decrypt` know it.

use aes_gcm::aead::{Aead, Generate, Payload, consts::U12};
use aes_gcm::{AesGcm, Nonce};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyInit, KeyIvInit};
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::kernel::{Kernel, Returns, Rows};
use crate::error::SparkError;

/// Length of an initialization vector of GCM and of CBC.
const GCM_IV: usize = 12;
const CBC_IV: usize = 16;

/// `aes_encrypt(input, key, mode, padding, iv, aad)`.
pub static ENCRYPT: Kernel = Kernel {
    name: "spark_aes_encrypt",
    returns: Returns::Type(DataType::Binary),
    run: encrypt,
    lenient: None,
    sees_nulls: false,
    volatile: true,
};
/// `aes_decrypt(input, key, mode, padding, aad)`.
pub static DECRYPT: Kernel =
    Kernel::new("spark_aes_decrypt", Returns::Type(DataType::Binary), |rows| decrypt(rows, true));
/// The same, null where it fails.
pub static TRY_DECRYPT: Kernel =
    Kernel::new("spark_try_aes_decrypt", Returns::Type(DataType::Binary), |rows| decrypt(rows, false));

/// The functions of this family.
pub static KERNELS: &[&Kernel] = &[&ENCRYPT, &DECRYPT, &TRY_DECRYPT];

/// Runs a body with a name for the cipher of the key's length.
macro_rules! with_cipher {
    ($key:expr, $cipher:ident => $body:expr) => {
        match $key.len() {
            16 => {
                type $cipher = aes::Aes128;
                $body
            }
            24 => {
                type $cipher = aes::Aes192;
                $body
            }
            32 => {
                type $cipher = aes::Aes256;
                $body
            }
            length => {
                return Err(invalid(
                    "AES_KEY_LENGTH",
                    "key",
                    &format!("expects a binary value with 16, 24 or 32 bytes, but got {length} bytes."),
                ))
            }
        }
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Ecb,
    Cbc,
    Gcm,
}

impl Mode {
    fn new(mode: &str, padding: &str) -> Result<Self, SparkError> {
        match (mode.to_uppercase().as_str(), padding.to_uppercase().as_str()) {
            ("ECB", "PKCS" | "DEFAULT") => Ok(Self::Ecb),
            ("CBC", "PKCS" | "DEFAULT") => Ok(Self::Cbc),
            ("GCM", "NONE" | "DEFAULT") => Ok(Self::Gcm),
            _ => Err(SparkError::new(
                "UNSUPPORTED_FEATURE.AES_MODE",
                "0A000",
                format!(
                    "The feature is not supported: AES-{mode} with the padding {padding} by the \
                     `aes_encrypt`/`aes_decrypt` function."
                ),
            )
            .with_param("mode", mode)
            .with_param("padding", padding)
            .with_param("functionName", "`aes_encrypt`/`aes_decrypt`")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ecb => "ECB",
            Self::Cbc => "CBC",
            Self::Gcm => "GCM",
        }
    }
}

fn invalid(class: &str, parameter: &str, detail: &str) -> SparkError {
    SparkError::new(
        format!("INVALID_PARAMETER_VALUE.{class}"),
        "22023",
        format!(
            "The value of parameter(s) `{parameter}` in `aes_encrypt`/`aes_decrypt` is invalid: {detail}"
        ),
    )
    .with_param("parameter", format!("`{parameter}`"))
    .with_param("functionName", "`aes_encrypt`/`aes_decrypt`")
}

fn failed(detail: &str) -> SparkError {
    let error = invalid("AES_CRYPTO_ERROR", "expr, key", &format!("detail message: {detail}"));
    SparkError::new(error.class(), error.sql_state(), error.message().replace("`expr, key`", "`expr`, `key`"))
        .with_param("parameter", "`expr`, `key`")
        .with_param("functionName", "`aes_encrypt`/`aes_decrypt`")
        .with_param("detailMessage", detail)
}

fn refused(what: &str, mode: Mode, feature: &str, function: &str) -> SparkError {
    SparkError::new(
        format!("UNSUPPORTED_FEATURE.{what}"),
        "0A000",
        format!(
            "The feature is not supported: `{function}` with AES-{} does not support {feature}.",
            mode.name()
        ),
    )
    .with_param("mode", mode.name())
    .with_param("functionName", format!("`{function}`"))
}

fn encrypt(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (inputs, keys, ivs, aads) = (rows.bytes(0)?, rows.bytes(1)?, rows.bytes(4)?, rows.bytes(5)?);
    let (modes, paddings) = (rows.text(2)?, rows.text(3)?);
    rows.write_bytes(|row, out| {
        let mode = Mode::new(modes.value(row), paddings.value(row))?;
        let sealed = seal(mode, inputs.value(row), keys.value(row), ivs.value(row), aads.value(row))?;
        out.extend_from_slice(&sealed);
        Ok(true)
    })
}

/// The initialization vector and what was encrypted with it.
fn seal(mode: Mode, input: &[u8], key: &[u8], iv: &[u8], aad: &[u8]) -> Result<Vec<u8>, SparkError> {
    if mode == Mode::Ecb && !iv.is_empty() {
        return Err(refused("AES_MODE_IV", mode, "initialization vectors (IVs)", "aes_encrypt"));
    }
    if mode != Mode::Gcm && !aad.is_empty() {
        return Err(refused("AES_MODE_AAD", mode, "additional authenticate data (AAD)", "aes_encrypt"));
    }
    let length = if mode == Mode::Gcm { GCM_IV } else { CBC_IV };
    let iv = match (mode, iv.len()) {
        (Mode::Ecb, _) => vec![],
        (_, 0) => random(length)?,
        (_, given) if given == length => iv.to_vec(),
        (_, given) => {
            return Err(invalid(
                "AES_IV_LENGTH",
                "iv",
                &format!(
                    "supports 16-byte CBC IVs and 12-byte GCM IVs, but got {given} bytes for {}.",
                    mode.name()
                ),
            ));
        }
    };
    let sealed = with_cipher!(key, Cipher => match mode {
        Mode::Ecb => ecb::Encryptor::<Cipher>::new_from_slice(key)
            .map_err(|e| failed(&e.to_string()))?
            .encrypt_padded_vec::<Pkcs7>(input),
        Mode::Cbc => cbc::Encryptor::<Cipher>::new_from_slices(key, &iv)
            .map_err(|e| failed(&e.to_string()))?
            .encrypt_padded_vec::<Pkcs7>(input),
        Mode::Gcm => AesGcm::<Cipher, U12>::new_from_slice(key)
            .map_err(|e| failed(&e.to_string()))?
            .encrypt(&nonce(&iv)?, Payload { msg: input, aad })
            .map_err(|e| failed(&e.to_string()))?,
    });
    Ok([iv, sealed].concat())
}

fn nonce(iv: &[u8]) -> Result<Nonce<U12>, SparkError> {
    Nonce::try_from(iv).map_err(|e| failed(&e.to_string()))
}

/// Random bytes, at most 16.
fn random(length: usize) -> Result<Vec<u8>, SparkError> {
    let bytes = <[u8; CBC_IV]>::try_generate().map_err(|e| failed(&e.to_string()))?;
    Ok(bytes.into_iter().take(length).collect())
}

fn decrypt(rows: &Rows<'_>, strict: bool) -> Result<ArrayRef> {
    let (inputs, keys, aads) = (rows.bytes(0)?, rows.bytes(1)?, rows.bytes(4)?);
    let (modes, paddings) = (rows.text(2)?, rows.text(3)?);
    rows.write_bytes(|row, out| {
        let opened = Mode::new(modes.value(row), paddings.value(row))
            .and_then(|mode| open(mode, inputs.value(row), keys.value(row), aads.value(row)));
        match opened {
            Ok(plain) => {
                out.extend_from_slice(&plain);
                Ok(true)
            }
            Err(_) if !strict => Ok(false),
            Err(error) => Err(error.into()),
        }
    })
}

fn open(mode: Mode, input: &[u8], key: &[u8], aad: &[u8]) -> Result<Vec<u8>, SparkError> {
    const PADDING: &str = "Given final block not properly padded. Such issues can arise if a bad key is used during \
                           decryption.";
    if mode != Mode::Gcm && !aad.is_empty() {
        return Err(refused("AES_MODE_AAD", mode, "additional authenticate data (AAD)", "aes_decrypt"));
    }
    let length = match mode {
        Mode::Ecb => 0,
        Mode::Cbc => CBC_IV,
        Mode::Gcm => GCM_IV,
    };
    let Some((iv, sealed)) = input.split_at_checked(length) else {
        return Err(failed("Wrong IV length"));
    };
    if mode != Mode::Gcm && sealed.len() % CBC_IV != 0 {
        return Err(failed("Input length must be multiple of 16 when decrypting with padded cipher"));
    }
    Ok(with_cipher!(key, Cipher => match mode {
        Mode::Ecb => ecb::Decryptor::<Cipher>::new_from_slice(key)
            .map_err(|e| failed(&e.to_string()))?
            .decrypt_padded_vec::<Pkcs7>(sealed)
            .map_err(|_| failed(PADDING))?,
        Mode::Cbc => cbc::Decryptor::<Cipher>::new_from_slices(key, iv)
            .map_err(|e| failed(&e.to_string()))?
            .decrypt_padded_vec::<Pkcs7>(sealed)
            .map_err(|_| failed(PADDING))?,
        Mode::Gcm => AesGcm::<Cipher, U12>::new_from_slice(key)
            .map_err(|e| failed(&e.to_string()))?
            .decrypt(&nonce(iv)?, Payload { msg: sealed, aad })
            .map_err(|_| failed("Tag mismatch!"))?,
    }))
}
