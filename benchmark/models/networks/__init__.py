"""What the engine reads of a model: outputs of prefix trees and of continued texts."""
